package access

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// registerChanges adds the report of what changed.
func registerChanges(r *route.Router, h *handlers, tag string) {
	route.RegisterStream(r, route.Operation{
		ID: "getAccessChanges", Method: http.MethodGet, Path: "/organization/{organizationId}/access/changes", Tag: tag, Own: true,
		Summary:     "Who gained and lost which access since a moment?",
		Description: "Compares the rights that every member and API token had at a moment with those they have now, in what is there now: changes that were taken back meanwhile leave nothing. Tokens that expired, fell asleep or woke are told too. Names at most 10,000 people and tokens and says how many are left out. As CSV (their number is then in a last row of the kind left_out), or as JSON. Refused for a moment before the organization or before what its plan shows. Recorded as an event. Needs role.read as well.",
		Permission:  authz.MemberManage, Scope: route.InOrganization, Refusals: []fault.Code{fault.LimitReached},
	}, map[string]*huma.Schema{"application/json": route.SchemaOf[accessChanges](r, "AccessChanges"), "text/csv": {Type: "string"}}, h.changes)
}

// accessChanges describes the report as JSON; it is written row by row.
type accessChanges struct {
	Since       time.Time `json:"since" doc:"The moment that was asked about; what happened at it has happened."`
	GeneratedAt time.Time `json:"generated_at" doc:"The moment that it is compared with."`
	People      int       `json:"people" doc:"How many people gained or lost access."`
	Tokens      int       `json:"tokens" doc:"How many API tokens did."`
	LeftOut     int       `json:"left_out" doc:"How many of them have no rows here, because there are too many."`
	Rows        []Shift   `json:"rows" doc:"A row for each place in which somebody gained or lost something: people by their address, then tokens by name."`
}

type changesInput struct {
	route.OrganizationPath
	Since  time.Time `query:"since" doc:"The moment, as 2026-03-01T12:00:00Z; left out, the earliest that can be asked about."`
	Format string    `query:"format" enum:"json,csv" default:"json" doc:"How the report is written."`
}

func (h *handlers) changes(ctx context.Context, pass authz.Pass, in *changesInput) (route.Stream, error) {
	shifts, err := h.service.Changes(ctx, pass, in.Since)
	if err != nil {
		return route.Stream{}, err
	}
	name := "access-changes-" + shifts.Until.Std().Format("2006-01-02") + "." + in.Format
	answer := route.Stream{ContentType: "application/json", Headers: map[string]string{"Content-Disposition": `attachment; filename="` + name + `"`}}
	write := shifts.writeJSON
	if in.Format == "csv" {
		answer.ContentType, write = "text/csv; charset=utf-8", shifts.writeCSV
	}
	answer.Write = func(_ context.Context, f *route.Flow) error {
		w := bufio.NewWriterSize(f, 64<<10)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	}
	return answer, nil
}

func (x Shifts) writeJSON(w io.Writer) error {
	head, err := json.Marshal(accessChanges{x.Since.Std(), x.Until.Std(), x.People, x.Tokens, x.LeftOut, []Shift{}})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, strings.TrimSuffix(string(head), "]}")); err != nil {
		return err
	}
	between := "\n"
	if err := x.Each(func(row Shift) error {
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, between+string(text))
		between = ",\n"
		return err
	}); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

var shiftsHeader = []string{"kind", "id", "name", "change", "everything", "roles_before", "roles_after", "scope", "scope_id", "scope_name", "except", "permissions"}

func (x Shifts) writeCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(shiftsHeader); err != nil {
		return err
	}
	err := x.Each(func(r Shift) error {
		cells := []string{
			r.Kind, r.ID, r.Name, r.Change, strconv.FormatBool(r.Everything), strings.Join(r.RolesBefore, ", "), strings.Join(r.RolesAfter, ", "),
			string(r.Scope), r.ScopeID, r.ScopeName, joinIDs(r.Except), strings.Join(r.Permissions, ", "),
		}
		for i, cell := range cells {
			cells[i] = harmless(cell)
		}
		return c.Write(cells)
	})
	if err == nil && x.LeftOut > 0 {
		last := make([]string, len(shiftsHeader))
		last[0], last[2] = "left_out", strconv.Itoa(x.LeftOut)
		err = c.Write(last)
	}
	c.Flush()
	if err != nil {
		return err
	}
	return c.Error()
}

func joinIDs(list []id.Object) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = string(x)
	}
	return strings.Join(texts, ", ")
}
