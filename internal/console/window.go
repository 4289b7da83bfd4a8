package console

import (
	"net/url"
	"strconv"
)

// Window says which part of a list is on a page, and where the neighbouring parts are.
type Window struct {
	From, To, Total int
	Newer, Older    string
}

// Cut gives the part of a list that the query "from" asks for. What else the query
// holds, such as a filter, stays in the links.
func Cut[T any](r *Request, list []T, size int) ([]T, Window) {
	from, err := strconv.Atoi(r.FormValue("from"))
	if err != nil || from < 0 || from >= len(list) {
		from = 0
	}
	to := min(from+size, len(list))
	w := Window{From: from + 1, To: to, Total: len(list)}
	at := func(from int) string {
		q := url.Values{}
		for name, values := range r.URL.Query() {
			q[name] = values
		}
		q.Set("from", strconv.Itoa(from))
		return r.URL.Path + "?" + q.Encode()
	}
	if from > 0 {
		w.Newer = at(max(from-size, 0))
	}
	if to < len(list) {
		w.Older = at(to)
	}
	return list[from:to], w
}
