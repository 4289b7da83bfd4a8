package activity

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// Streams bounds what goes on for long on this node, and ends it.
type Streams struct {
	// Heartbeat is how often a stream shows that it lives; its caller's rights are asked
	// anew then too, for what no change of a head tells: a token that expires.
	Heartbeat time.Duration

	mu      sync.Mutex
	running int
	byActor map[string]int
	ended   chan struct{}
	end     func()
}

const (
	maxStreams       = 1000
	maxActorsStreams = 10
)

// NewStreams makes the bound of a node.
func NewStreams() *Streams {
	ended := make(chan struct{})
	return &Streams{Heartbeat: 15 * time.Second, byActor: map[string]int{}, ended: ended, end: sync.OnceFunc(func() { close(ended) })}
}

// End ends every stream: the server stops.
func (s *Streams) End() { s.end() }

// take lets an actor have one more, until release is called.
func (s *Streams) take(actor string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	detail := ""
	switch {
	case s.byActor[actor] >= maxActorsStreams:
		detail = fmt.Sprintf("You have %d streams and exports open; close one.", maxActorsStreams)
	case s.running >= maxStreams:
		detail = "This server has as many streams and exports open as it takes; try again later."
	}
	if detail != "" {
		e := fault.New(fault.TooManyRequests, "%s", detail)
		e.RetryAfter = 10
		return nil, e
	}
	s.running++
	s.byActor[actor]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
		if s.byActor[actor]--; s.byActor[actor] == 0 {
			delete(s.byActor, actor)
		}
	}), nil
}

type streamInput struct {
	route.OrganizationPath
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"The id of the last event that was received; the stream goes on behind it. Browsers send it by themselves."`
	After       string `query:"after" maxLength:"20" doc:"The same, for the first time; 0 begins with the oldest event. Without both the stream begins with what happens next."`
}

// behind is the number behind which the stream begins.
func (in *streamInput) behind(newest int64) (int64, error) {
	field, text := "Last-Event-ID", in.LastEventID
	if text == "" {
		field, text = "after", in.After
	}
	if text == "" {
		return newest, nil
	}
	checks := &fault.Checks{}
	n, err := strconv.ParseUint(text, 10, 62)
	switch {
	case err != nil:
		checks.Add(field, "must be the number of an event")
	case int64(n) > newest:
		checks.Add(field, "is ahead of the record, whose newest event is %d: perhaps the database was rolled back", newest)
	}
	return int64(n), checks.Err()
}

func (h *handlers) stream(ctx context.Context, pass authz.Pass, in *streamInput) (route.Stream, error) {
	head, err := audit.HeadOf(h.db.Reader(ctx), string(pass.Organization()), h.db.Now())
	if err != nil {
		return route.Stream{}, err
	}
	last, err := in.behind(head.Seq)
	if err != nil {
		return route.Stream{}, err
	}
	release, err := h.streams.take(pass.Actor().ID())
	if err != nil {
		return route.Stream{}, err
	}
	again := route.Again(ctx)
	return route.Stream{
		ContentType: "text/event-stream",
		Headers:     map[string]string{"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}, // proxies are not to wait for more
		Write: func(ctx context.Context, flow *route.Flow) error {
			defer release()
			changed, end := h.db.Heads().Watch(string(pass.Organization()), string(pass.Actor().User))
			defer end()
			return h.follow(ctx, &follower{flow: flow, again: again, last: last}, changed)
		},
	}, nil
}

// follower is a stream with how far it has come.
type follower struct {
	flow  *route.Flow
	again func(context.Context) (authz.Pass, error)
	last  int64
}

// streamPage is how many events are read and sent at once.
const streamPage = 100

// follow sends what happens until the client goes, the caller may not see it any more
// or the server stops.
func (h *handlers) follow(ctx context.Context, s *follower, changed <-chan struct{}) error {
	if err := s.flow.Send(fmt.Appendf(nil, "retry: 2000\nid: %d\n\n", s.last)); err != nil {
		return err
	}
	beat := time.NewTicker(h.streams.Heartbeat)
	defer beat.Stop()
	for {
		more, err := h.advance(ctx, s)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return s.close(fault.From(err))
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.streams.ended:
			return s.close(fault.New(fault.Unavailable, "The server stops; come back with Last-Event-ID."))
		case <-changed:
		case <-beat.C:
			// The number tells how far the caller has been told of all that is theirs to see.
			if err := s.flow.Send(fmt.Appendf(nil, ": still here\nid: %d\n\n", s.last)); err != nil {
				return err
			}
		}
	}
}

// close tells why the stream ends.
func (s *follower) close(e *fault.Error) error {
	text, err := json.Marshal(map[string]string{"code": string(e.Code), "message": e.Detail})
	if err != nil {
		return err
	}
	return s.flow.Send(fmt.Appendf(nil, "event: end\ndata: %s\n\n", text))
}

// advance sends the next events that the caller sees; more says that it stopped early.
// The caller's rights are asked before and after the reading, and must be the same: what
// happened after they ended is never sent.
func (h *handlers) advance(ctx context.Context, s *follower) (more bool, err error) {
	pass, err := s.again(ctx)
	if err != nil {
		return false, err
	}
	f := audit.Filter{Stream: string(pass.Organization())}
	f.InProjects, f.Roles = sight(pass)
	if _, err := h.limit(ctx, pass, &f); err != nil {
		return false, err
	}
	events, last, more, err := audit.Behind(h.db.Reader(ctx), f, s.last, streamPage)
	if err != nil {
		return false, err
	}
	if pass, err = s.again(ctx); err != nil {
		return false, err
	}
	if inProjects, roles := sight(pass); inProjects != f.InProjects || roles != f.Roles {
		return true, nil // once more, with what they see now
	}
	var piece []byte
	for _, e := range events {
		text, err := json.Marshal(shown(e))
		if err != nil {
			return false, err
		}
		piece = fmt.Appendf(piece, "id: %d\ndata: %s\n\n", e.Seq, text)
	}
	s.last = last
	if len(piece) == 0 {
		return more, nil
	}
	return more, s.flow.Send(piece)
}
