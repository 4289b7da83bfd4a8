package console

import "github.com/guildhall-dev/guildhall/internal/fault"

// FormPage is a page that is a few words and a form: most of what is created, changed
// or confirmed.
type FormPage struct {
	// Lead says under the title what the page is for; it may be empty.
	Lead string
	Text []string
	Form Form
}

var formPage = Parse(files, "pages/form-page.html")

// ShowForm answers with a form.
func (r *Request) ShowForm(status int, title string, page FormPage) error {
	return r.Show(formPage, status, title, page)
}

// Again shows a form once more, with what is wrong with it and all that was typed. An
// error that the person cannot mend there comes back.
func (r *Request) Again(title string, page FormPage, err error) error {
	page.Form.Fill(r.PostForm)
	if !page.Form.Refuse(err) {
		return err
	}
	return r.ShowForm(fault.From(err).Status(), title, page)
}
