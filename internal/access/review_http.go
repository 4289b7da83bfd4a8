package access

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// registerReview adds the report for those who answer for who may do what.
func registerReview(r *route.Router, h *handlers, tag string) {
	route.RegisterStream(r, route.Operation{
		ID: "reviewAccess", Method: http.MethodGet, Path: "/organization/{organizationId}/access/review", Tag: tag, Own: true,
		Summary:     "Everybody's effective rights",
		Description: "Members, pending invitations and API tokens, a row for each place where they have rights: the organization, and each project or cluster where a custom role gives more. A permission that does not hold for every type of environment has the types in brackets. As CSV, or as JSON: an object with generated_at and rows. Recorded as an event. Needs role.read as well.",
		Permission:  authz.MemberManage, Scope: route.InOrganization, Refusals: []fault.Code{fault.LimitReached},
	}, map[string]*huma.Schema{"application/json": route.SchemaOf[accessReview](r, "AccessReview"), "text/csv": {Type: "string"}}, h.review)
}

// accessReview describes the report as JSON; it is written row by row.
type accessReview struct {
	GeneratedAt time.Time `json:"generated_at" doc:"The moment that the report is of."`
	Rows        []Row     `json:"rows" doc:"A row for each place in which somebody has rights; one without permissions for somebody who has none."`
}

type reviewInput struct {
	route.OrganizationPath
	Format string `query:"format" enum:"json,csv" default:"json" doc:"How the report is written."`
}

func (h *handlers) review(ctx context.Context, pass authz.Pass, in *reviewInput) (route.Stream, error) {
	rows, err := h.service.Review(ctx, pass)
	if err != nil {
		return route.Stream{}, err
	}
	at := h.service.db.Now().Std()
	name := "access-" + at.Format("2006-01-02") + "." + in.Format
	answer := route.Stream{ContentType: "application/json", Headers: map[string]string{"Content-Disposition": `attachment; filename="` + name + `"`}}
	if in.Format == "csv" {
		answer.ContentType = "text/csv; charset=utf-8"
	}
	answer.Write = func(_ context.Context, f *route.Flow) error {
		w := bufio.NewWriterSize(f, 64<<10)
		if in.Format == "csv" {
			err = writeCSV(w, rows)
		} else {
			err = writeJSON(w, at, rows)
		}
		if err == nil {
			err = w.Flush()
		}
		return err
	}
	return answer, nil
}

func writeJSON(w io.Writer, at time.Time, rows func(func(Row) error) error) error {
	if _, err := io.WriteString(w, `{"generated_at":"`+at.Format(time.RFC3339Nano)+`","rows":[`); err != nil {
		return err
	}
	between := "\n"
	err := rows(func(r Row) error {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, between+string(text))
		between = ",\n"
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

var csvHeader = []string{"kind", "id", "name", "status", "roles", "by", "since", "expires_at", "last_used_at", "scope", "scope_id", "scope_name", "permissions"}

func writeCSV(w io.Writer, rows func(func(Row) error) error) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHeader); err != nil {
		return err
	}
	err := rows(func(r Row) error {
		cells := []string{
			r.Kind, r.ID, r.Name, r.Status, strings.Join(r.Roles, ", "), r.By, moment(&r.Since), moment(r.ExpiresAt), moment(r.LastUsedAt),
			string(r.Scope), r.ScopeID, r.ScopeName, strings.Join(r.Permissions, ", "),
		}
		for i, cell := range cells {
			cells[i] = harmless(cell)
		}
		return c.Write(cells)
	})
	c.Flush()
	if err != nil {
		return err
	}
	return c.Error()
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// harmless puts an apostrophe before what a spreadsheet would run as a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
