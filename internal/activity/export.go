package activity

import (
	"context"
	"encoding/json"
	"errors"
	"github.com/danielgtaylor/huma/v2"
	"net/http"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/route"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// signedHead is the head of a chain on the wire.
type signedHead struct {
	Organization id.Organization `json:"organization_id" format:"uuid" doc:"The organization whose chain it is."`
	Sequence     int64           `json:"sequence" doc:"The number of the newest event."`
	Hash         string          `json:"hash" doc:"The newest event's link, which stands for all events up to it."`
	At           time.Time       `json:"at" doc:"When that was so."`
	Key          string          `json:"key" doc:"The name (kid) of the key that signed it; the key is in /.well-known/guildhall-heads.json."`
	Signed       string          `json:"signed" doc:"The head, signed (a JWS with EdDSA). Keep it elsewhere: guildhall audit verify --against holds the record against it."`
	Short        string          `json:"short" doc:"The head without a signature, for noting by hand: organization, number and hash."`
}

type headKeys struct {
	Keys []json.RawMessage `json:"keys" doc:"The public keys that heads and exported files are signed with."`
}

// registerOut adds the operations by which events leave: export, stream and head.
func registerOut(r *route.Router, h *handlers) {
	const tag = "Organization Event"
	route.Register(r, route.Operation{
		ID: "getOrganizationEventHead", Method: http.MethodGet, Path: "/organization/{organizationId}/events/head", Tag: tag, Own: true,
		Summary:     "Get the signed head of the organization's chain of events",
		Description: "Who keeps one elsewhere can tell later whether the record still leads there: a cut tail or a database that was rolled back is found.",
		Permission:  authz.OrganizationView, Scope: route.InOrganization,
	}, h.head)
	route.Register(r, route.Operation{
		ID: "getHeadKeys", Method: http.MethodGet, Path: "/.well-known/guildhall-heads.json", Tag: tag, Own: true,
		Summary:     "Get the keys that heads are signed with",
		Description: "A JSON Web Key Set. A key's kid is its SHA-256 thumbprint (RFC 7638).",
		Permission:  authz.Public, Scope: route.AccountScope,
	}, h.keys)
	route.RegisterStream(r, route.Operation{
		ID: "exportOrganizationEvents", Method: http.MethodGet, Path: "/organization/{organizationId}/events/export", Tag: tag, Own: true,
		Summary: "Export the organization's events",
		Description: "Oldest first, as one file that guildhall audit verify --file checks without a server. JSON Lines hold the whole chain, and the content of the chosen events; " +
			"CSV only the chosen events. What is seen is what the list shows. The export is itself an event.",
		Permission: authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead, Refusals: []fault.Code{fault.TooManyRequests},
	}, map[string]*huma.Schema{"application/x-ndjson": route.Text("A line for the signed opening, then one an event."), "text/csv": route.Text("The same as a table.")}, h.export)
	route.RegisterStream(r, route.Operation{
		ID: "streamOrganizationEvents", Method: http.MethodGet, Path: "/organization/{organizationId}/events/stream", Tag: tag, Own: true,
		Summary: "Follow the organization's events",
		Description: "Server-sent events, each with its sequence as id and an event of the list as data. A client that comes back with Last-Event-ID misses nothing and gets nothing twice. " +
			"What is seen is what the list shows, also when the caller's rights change; when they end, so does the stream, with an event named end.",
		Permission: authz.OrganizationView, Scope: route.InOrganization, Lists: authz.EventRead, Refusals: []fault.Code{fault.TooManyRequests},
	}, map[string]*huma.Schema{"text/event-stream": route.Text("Server-sent events.")}, h.stream)
}

func (h *handlers) head(ctx context.Context, pass authz.Pass, _ *struct{ route.OrganizationPath }) (signedHead, error) {
	head, err := audit.HeadOf(h.db.Reader(ctx), string(pass.Organization()), h.db.Now())
	if err != nil {
		return signedHead{}, err
	}
	signed, err := h.signer.Sign(head)
	hash, _ := head.Hash.MarshalText() // it never fails
	return signedHead{pass.Organization(), head.Seq, string(hash), head.At, h.signer.Key(), signed, head.Short()}, err
}

func (h *handlers) keys(context.Context, authz.Pass, *struct{}) (headKeys, error) {
	var set headKeys
	text, err := h.signer.JWKS()
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	return set, err
}

type exportInput struct {
	Choice
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl" doc:"jsonl or csv."`
}

// exported is how the event of an export shows it.
type exported struct {
	Format   audit.Format `json:"format"`
	Filter   string       `json:"filter,omitempty"`
	Complete bool         `json:"everything_visible"`
}

var formats = map[audit.Format]struct{ contentType, ending string }{
	audit.JSONLines: {"application/x-ndjson", "jsonl"},
	audit.CSV:       {"text/csv; charset=utf-8; header=present", "csv"},
}

func (h *handlers) export(ctx context.Context, pass authz.Pass, in *exportInput) (route.Stream, error) {
	return h.exportTo(ctx, pass, in, route.Again(ctx))
}

// exportTo makes the file for whoever the pass is of; again asks for a new one.
func (h *handlers) exportTo(ctx context.Context, pass authz.Pass, in *exportInput, again func(context.Context) (authz.Pass, error)) (route.Stream, error) {
	f, checks := in.chosen(pass)
	if err := checks.Err(); err != nil {
		return route.Stream{}, err
	}
	if _, err := h.limit(ctx, pass, &f); err != nil {
		return route.Stream{}, err
	}
	release, err := h.streams.take(pass.Actor().ID())
	if err != nil {
		return route.Stream{}, err
	}
	o, err := h.begin(ctx, pass, in, f)
	if err != nil {
		release()
		return route.Stream{}, err
	}
	format := audit.Format(in.Format)
	return route.Stream{
		ContentType: formats[format].contentType,
		Headers: map[string]string{
			"Content-Disposition": `attachment; filename="events-` + o.Stream + "-" + o.At.Format("20060102T150405Z") + "." + formats[format].ending + `"`,
		},
		Write: func(ctx context.Context, flow *route.Flow) error {
			defer release()
			return h.write(ctx, flow, f, o, format, again)
		},
	}, nil
}

// begin records the export, and reads where the chain stands with that.
func (h *handlers) begin(ctx context.Context, pass authz.Pass, in *exportInput, f audit.Filter) (audit.Opening, error) {
	query := in.query()
	filter := query.Encode()
	query.Del("fromTimestamp") // the file begins later then, and has all from there
	all := len(query) == 0 && !f.InProjects
	err := store.Do(ctx, h.db, pass, func(tx *store.Tx) error {
		name, err := store.Value[string](tx, `SELECT name FROM organization WHERE id = $1`, f.Stream)
		if err != nil {
			return err
		}
		return audit.Record(tx, f.Stream, pass, audit.Entry{
			Action: audit.EventsExport, Target: audit.Reference{ID: f.Stream, Name: name}, After: exported{audit.Format(in.Format), filter, !f.InProjects},
		})
	})
	if err != nil {
		return audit.Opening{}, err
	}
	o, err := audit.BeginExport(h.db.Reader(ctx), f, all, h.db.Now())
	o.Filter = filter
	return o, err
}

// exportPage is how many events are read at once: what a slow client holds in memory.
const exportPage = 200

var errNoMore = errors.New("the caller sees no more what the export began with")

// write writes the file. Events do not change, so that no transaction has to be kept
// open for as long as a client is slow.
func (h *handlers) write(ctx context.Context, flow *route.Flow, f audit.Filter, o audit.Opening, format audit.Format, again func(context.Context) (authz.Pass, error)) error {
	piece, err := format.Open(o, h.signer)
	if err != nil {
		return err
	}
	last, previous := o.First-1, o.Previous
	for {
		page, err := audit.ExportPage(h.db.Reader(ctx), f, last, o.Seq, exportPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			line, err := format.Encode(o, e, previous)
			if err != nil {
				return err
			}
			piece = append(piece, line...)
			last, previous = e.Seq, e.Hash
		}
		pass, err := again(ctx) // after reading: what was read was to be seen
		if err != nil {
			return err
		}
		if inProjects, roles := sight(pass); inProjects != f.InProjects || roles != f.Roles {
			return errNoMore
		}
		if err := flow.Send(piece); err != nil || last >= o.Seq || len(page) == 0 {
			return err
		}
		piece = piece[:0]
	}
}
