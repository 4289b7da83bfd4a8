package activity

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/console"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

type eventPage struct {
	eventRow
	audit.Event
	Fields                []difference
	Made, Gone            bool
	ByActor, ByThing, Was string
	Project               string
	Environment           string
}

// difference is a field that an event changed.
type difference struct{ Name, Before, After string }

func (h *handlers) eventPage(r *console.Request) error {
	e, err := h.event(r)
	if err != nil {
		return err
	}
	page := eventPage{eventRow: shownRow(r, e), Event: e, Fields: differences(e.Before, e.After), Made: len(e.Before) == 0, Gone: len(e.After) == 0, Project: e.Project.Name, Environment: e.Environment.Name}
	if e.Actor.Name != "" {
		page.ByActor = to(r.At(listed), url.Values{byActor: {e.Actor.Name}}, "", "")
	}
	if e.Target.ID != "" {
		page.ByThing = to(r.At(listed), url.Values{byKind: {e.Wire.TargetType}, byThing: {e.Target.ID}}, "", "")
	}
	if e.Reverts != 0 {
		page.Was = r.At(listed, strconv.FormatInt(e.Reverts, 10))
	}
	return r.Show(eventTemplate, http.StatusOK, "Event "+strconv.FormatInt(e.Seq, 10), page)
}

// differences are the fields that are not the same before and after, by name.
func differences(before, after json.RawMessage) []difference {
	was, is := fields(before), fields(after)
	names := slices.Concat(slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	slices.Sort(names)
	var list []difference
	for _, name := range slices.Compact(names) {
		if !bytes.Equal(was[name], is[name]) {
			list = append(list, difference{name, readable(was[name]), readable(is[name])})
		}
	}
	return list
}

// fields takes a document apart; what is no object is one field.
func fields(document json.RawMessage) map[string]json.RawMessage {
	parts := map[string]json.RawMessage{}
	if len(document) > 0 && json.Unmarshal(document, &parts) != nil {
		return map[string]json.RawMessage{"value": document}
	}
	return parts
}

// readable is a value as a person reads it: a text without its quotes.
func readable(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

const exportTitle = "Export the activity"

// exportChoice is the form of an export; the filters of the list go with it.
func exportChoice(r *console.Request, q url.Values) console.FormPage {
	q = only(q)
	form := console.Form{
		Action: r.At(listed, "export"), Button: "Export", Cancel: to(r.At(listed), q, "", ""),
		Fields: []console.Field{{Name: "format", Label: "Format", Type: "radio", Value: string(audit.JSONLines), Options: []console.Option{
			{Value: string(audit.JSONLines), Label: "JSON Lines", Help: "The whole chain, and the content of the chosen events."},
			{Value: string(audit.CSV), Label: "CSV", Help: "The chosen events only, as a table."},
		}}},
	}
	for _, name := range choosing {
		if q.Get(name) != "" {
			form.Hidden = append(form.Hidden, console.Hidden{Name: name, Value: q.Get(name)})
		}
	}
	return console.FormPage{
		Lead: "One file, oldest first, which guildhall audit verify --file checks without a server. The export is itself an event.",
		Form: form,
	}
}

func (h *handlers) exportForm(r *console.Request) error {
	q, _, err := asked(r)
	if err != nil {
		return err
	}
	return r.ShowForm(http.StatusOK, exportTitle, exportChoice(r, q))
}

func (h *handlers) exportFile(r *console.Request) error {
	in := &exportInput{Format: r.PostFormValue("format")}
	var err error
	in.Choice, err = choice(r.PostForm)
	if _, known := formats[audit.Format(in.Format)]; !known && err == nil {
		checks := &fault.Checks{}
		checks.Add("format", "must be one of the two")
		err = checks.Err()
	}
	if err != nil {
		return r.Again(exportTitle, exportChoice(r, r.PostForm), err)
	}
	s, err := h.exportTo(r.Context(), r.Pass, in, r.Anew)
	if err != nil {
		return r.Again(exportTitle, exportChoice(r, r.PostForm), err)
	}
	return r.Stream(s)
}
