// Package demo writes a year in the life of two made-up organizations into an empty
// database, through the API that everybody uses, so that somebody new has something
// to look at.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/config"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// year is how long the story is, in days.
const year = 365

// Prepare fills an empty database with the demo, and does nothing where it is there
// already. A database with anything else in it is refused.
func Prepare(ctx context.Context, storage config.Storage, settings config.Server, log *slog.Logger, out io.Writer) (err error) {
	now, log := time.Now(), slog.New(quiet{log.Handler()})
	c := clock.NewManual(now.Add(-year * 24 * time.Hour))
	settings.Mail = config.Mail{} // nobody has these addresses
	settings.MaxOrganizationsPerUser = max(settings.MaxOrganizationsPerUser, len(companies))
	a, err := app.Open(ctx, storage, settings, app.Options{Clock: c, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	there, err := a.Demo(ctx)
	if err != nil || there != nil {
		return err
	}
	empty, err := a.Empty(ctx)
	if err != nil {
		return err
	}
	if !empty {
		return fault.New(fault.DemoRefused, "This database has accounts of its own. The demo wants an empty one: name another directory with --data DIR, or leave --data out.")
	}
	fmt.Fprintln(out, "Writing a year of two made-up organizations; this takes a few seconds.")
	w := &world{app: a, clock: c, api: a.Server(settings.BaseURL(settings.Listen)).Handler(), password: rand.Text()[:16], people: map[string]*person{}}
	made, err := w.write(ctx, now)
	if err != nil {
		return err
	}
	return store.Do(ctx, a.DB, authz.System("demo"), func(tx *store.Tx) error { return a.KeepDemo(tx, made) })
}

// quiet leaves out the line of each request: nobody asked for these.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level > slog.LevelInfo && q.Handler.Enabled(ctx, level)
}

// write lives through the year, day by day.
func (w *world) write(ctx context.Context, now time.Time) (app.Demo, error) {
	made := app.Demo{Password: w.password}
	stories := make([]*story, len(companies))
	for i := range companies {
		stories[i] = &story{world: w, company: &companies[i], members: map[string]string{}, projects: map[string]string{}, tokens: map[string]string{}}
	}
	for day := range year {
		w.clock.Advance(now.Add(time.Duration(day-year)*24*time.Hour + time.Hour).Sub(w.clock.Now()))
		for _, s := range stories {
			if err := s.live(ctx, day); err != nil {
				return made, err
			}
		}
	}
	for _, s := range stories {
		made.Organizations = append(made.Organizations, app.DemoOrganization{ID: s.id, Name: s.company.name})
	}
	for _, s := range stories {
		for _, e := range s.company.people {
			made.People = append(made.People, app.DemoPerson{Email: e.email, Role: e.now(), Organization: s.company.name, Left: e.until != 0})
		}
	}
	made.Token = stories[0].tokens["ci"]
	return made, nil
}
