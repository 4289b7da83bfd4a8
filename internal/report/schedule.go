package report

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const sendJob = "report.send"

// sendPayload names a part of a period's reports: those of the organizations behind an id.
type sendPayload struct {
	Kind  Kind            `json:"kind"`
	Start clock.Time      `json:"start"`
	After id.Organization `json:"after"`
}

const (
	// batch is how many organizations one Write is about, at most; letters bounds it
	// further: an organization may name 50 addresses.
	batch   = 20
	letters = 200
	// claimLife is how long it is remembered that a report was made: longer than any is sent late.
	claimLife = 90 * 24 * time.Hour
	// allDone stands in the progress of a period in place of an organization.
	allDone = "done"
)

func permit() authz.Pass { return authz.System("usage reports") }

// Serve looks every minute whether reports are due, until ctx ends.
func (s *Service) Serve(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := s.Plan(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the usage reports could not be begun", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Plan begins the reports that are due and that no node has begun.
func (s *Service) Plan(ctx context.Context) error {
	if !s.outbox.Enabled() {
		return nil
	}
	var errs []error
	for _, kind := range s.kinds {
		now := s.db.Now().Std()
		p := last(kind, now)
		if now.Before(p.due()) || !now.Before(p.tooLate()) {
			continue
		}
		begun, _, err := progress(s.db.Reader(ctx), kind)
		if err == nil && begun < clock.At(p.Start) {
			err = s.begin(ctx, p)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *Service) begin(ctx context.Context, p Period) error {
	return store.Do(ctx, s.db, permit(), func(tx *store.Tx) error {
		begun, _, err := progress(tx, p.Kind)
		start := clock.At(p.Start)
		if err != nil || begun >= start { // another node was quicker
			return err
		}
		if err := setProgress(tx, p.Kind, start, ""); err != nil {
			return err
		}
		return s.jobs.Enqueue(tx, sendJob, sendPayload{p.Kind, start, ""}, tx.Now())
	})
}

var errOff = errors.New("usage reports wait, and mail is not set up any more: start the server with --smtp-url and --mail-from")

// part is the report of an organization with those who get it.
type part struct {
	usage     Usage
	addresses []string
}

// send makes one part of a period's reports and queues the job of the next part. A
// second run finds that the period has come further, and does nothing.
func (s *Service) send(ctx context.Context, text []byte) error {
	var p sendPayload
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	period := last(p.Kind, endOf(p))
	if !s.db.Now().Std().Before(period.tooLate()) {
		s.log.Warn("usage reports were too late and are left out", slog.String("period", period.words()))
		return nil
	}
	if !s.outbox.Enabled() {
		return errOff
	}
	start, reached, err := progress(s.db.Reader(ctx), p.Kind)
	if err != nil || start != p.Start || reached != string(p.After) {
		return err
	}
	parts, next, err := s.gather(ctx, period, p.After)
	if err != nil {
		return err
	}
	return store.Do(ctx, s.db, permit(), func(tx *store.Tx) error {
		start, reached, err := progress(tx, p.Kind)
		if err != nil || start != p.Start || reached != string(p.After) {
			return err
		}
		for _, one := range parts {
			mine, err := claim(tx, one.usage.Organization, period)
			if err != nil {
				return err
			}
			if !mine {
				continue
			}
			if _, err := s.post(tx, one.usage, one.addresses); err != nil {
				return err
			}
		}
		if next == "" {
			return setProgress(tx, p.Kind, p.Start, allDone)
		}
		if err := setProgress(tx, p.Kind, p.Start, string(next)); err != nil {
			return err
		}
		return s.jobs.Enqueue(tx, sendJob, sendPayload{p.Kind, p.Start, next}, tx.Now())
	})
}

// endOf is a moment at which the payload's period is the last one.
func endOf(p sendPayload) time.Time {
	if p.Kind == Monthly {
		return p.Start.Std().AddDate(0, 1, 0)
	}
	return p.Start.Std().AddDate(0, 0, 7)
}

// gather counts for the organizations behind an id; next is where the following part
// begins, empty at the end.
func (s *Service) gather(ctx context.Context, period Period, after id.Organization) (parts []part, next id.Organization, err error) {
	type found struct {
		organization id.Organization
		addresses    []string
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		var page []found
		count, full := 0, false
		if err := s.organizations.EachContact(q, after, batch, func(o id.Organization, _ string, addresses []string) {
			if full = full || (len(page) > 0 && count+len(addresses) > letters); full {
				return
			}
			count += len(addresses)
			page = append(page, found{o, addresses})
		}); err != nil {
			return err
		}
		for _, f := range page {
			u, there, err := s.usageOf(q, f.organization, period)
			if fault.Has(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if there {
				parts = append(parts, part{u, f.addresses})
			}
		}
		if full || len(page) == batch {
			next = page[len(page)-1].organization
		}
		return nil
	})
	return parts, next, err
}

// progress tells which period of a kind was begun last, and up to which organization
// its reports are made.
func progress(q store.Querier, kind Kind) (start clock.Time, reached string, err error) {
	text, err := store.Setting(q, progressSetting(kind))
	if err != nil || text == "" {
		return 0, "", err
	}
	begun, reached, _ := strings.Cut(text, " ")
	n, err := strconv.ParseInt(begun, 10, 64)
	return clock.Time(n), reached, err
}

func setProgress(tx *store.Tx, kind Kind, start clock.Time, reached string) error {
	return store.SetSetting(tx, progressSetting(kind), strconv.FormatInt(int64(start), 10)+" "+reached)
}

func progressSetting(kind Kind) string { return "usage_reports_" + string(kind) }

// DropOld forgets which reports were made long ago.
func (s *Service) DropOld(tx *store.Tx) error { return dropClaims(tx, tx.Now().Add(-claimLife)) }
