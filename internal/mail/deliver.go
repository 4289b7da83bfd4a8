package mail

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/store"
)

const (
	// patience is how long a letter is tried.
	patience = 72 * time.Hour
	// atOnce is how many conversations with the SMTP server there are at a time.
	atOnce = 5
)

// The ends of a letter, as they are counted.
const (
	outcomeSent    = "sent"
	outcomeRefused = "refused"  // by the server, for good
	outcomeGivenUp = "given_up" // after patience
	outcomeUnknown = "unknown"  // handed over, and no word came back
)

type waiting struct {
	sealed     string
	handedOver clock.Time
	created    clock.Time
}

var (
	errOff       = errors.New("letters wait, and mail is not set up any more: start the server with --smtp-url and --mail-from")
	errElsewhere = errors.New("another server hands this letter over at this moment")
)

// deliver is the job that sends a letter. It runs again until the letter has an end,
// and hands it over at most once.
func (o *Outbox) deliver(ctx context.Context, payload []byte) error {
	var p sendPayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return err
	}
	w, err := store.One(o.db.Reader(ctx), `SELECT sealed, handed_over_at, created_at FROM mail WHERE id = $1`,
		func(s store.Scan) (w waiting, err error) { return w, s(&w.sealed, &w.handedOver, &w.created) }, p.Mail)
	if errors.Is(err, store.ErrNone) {
		return nil // it has its end; this job missed it
	}
	if err != nil {
		return err
	}
	if w.handedOver != 0 {
		o.log.Warn("a letter was being handed to the mail server when this server ended; it may or may not have gone, and is not sent again",
			slog.Group("letter", slog.String("id", p.Mail)))
		return o.end(ctx, p.Mail, outcomeUnknown)
	}
	to, err := o.try(ctx, p.Mail, w)
	return o.settle(ctx, p.Mail, w, to, err)
}

// try sends the letter once, and tells to whom.
func (o *Outbox) try(ctx context.Context, letter string, w waiting) (to string, err error) {
	if !o.Enabled() {
		return "", errOff
	}
	text, err := o.keeper.Open(o.db.Reader(ctx), store.Server, letter, letterField, w.sealed)
	if err != nil {
		return "", err
	}
	var s sealed
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return "", err
	}
	m, err := compose(letter, o.db.Now(), o.settings.From, s.To, s.Letter, *o.publicURL.Load())
	if err != nil {
		return s.To, &refusal{err.Error(), true}
	}
	at := o.db.Now()
	_, err = o.relay.send(ctx, m, func() error { return o.mark(ctx, letter, 0, at) })
	if err != nil && !errors.Is(err, errOutcomeUnknown) && !errors.Is(err, errElsewhere) {
		// The server has not got it, and the next try may hand it over.
		err = errors.Join(err, o.mark(context.WithoutCancel(ctx), letter, at, 0))
	}
	return s.To, err
}

// settle gives a letter its end where it has one; an error means: try again. Only an
// end tells the log to whom it was: that is what the operator has to act on.
func (o *Outbox) settle(ctx context.Context, letter string, w waiting, to string, err error) error {
	var refused *refusal
	which := slog.Group("letter", slog.String("id", letter), slog.String("to", to))
	switch {
	case err == nil:
		return o.end(ctx, letter, outcomeSent)
	case errors.Is(err, errOutcomeUnknown):
		o.log.Warn("the mail server did not answer after a letter was handed over; it may or may not have gone, and is not sent again", which, slog.Any("error", err))
		return o.end(ctx, letter, outcomeUnknown)
	case errors.As(err, &refused) && refused.final:
		o.log.Error("a letter was refused for good", which, slog.Any("error", err))
		return o.end(ctx, letter, outcomeRefused)
	case o.db.Now() >= w.created.Add(patience):
		o.log.Error("a letter could not be sent for three days and is given up", which, slog.Any("error", err))
		return o.end(ctx, letter, outcomeGivenUp)
	}
	return err
}

// mark writes down that the letter is being handed over, or that it was not after all.
func (o *Outbox) mark(ctx context.Context, letter string, from, to clock.Time) error {
	return store.Do(ctx, o.db, o.permit, func(tx *store.Tx) error {
		tx.Unaudited("the sending of a letter is no change of an organization")
		n, err := tx.Exec(`UPDATE mail SET handed_over_at = $3 WHERE id = $1 AND handed_over_at = $2`, letter, from, to)
		if err == nil && n == 0 && to != 0 {
			err = errElsewhere
		}
		return err
	})
}

// end forgets a letter and counts how it went.
func (o *Outbox) end(ctx context.Context, letter, outcome string) error {
	err := store.Do(context.WithoutCancel(ctx), o.db, o.permit, func(tx *store.Tx) error {
		tx.Unaudited("the sending of a letter is no change of an organization")
		_, err := tx.Exec(`DELETE FROM mail WHERE id = $1`, letter)
		return err
	})
	if err == nil {
		o.outcomes.WithLabelValues(outcome).Inc()
	}
	return err
}
