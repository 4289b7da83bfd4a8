package mail

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/mail"
	"net/url"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/job"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// Settings say how letters leave; the zero value means: not at all.
type Settings struct {
	Server *url.URL       // smtp:// or smtps://; nil for none
	From   mail.Address   // who writes
	Roots  *x509.CertPool // whose certificates are believed; nil for the system's list
}

// Outbox queues letters and sends them. A nil Outbox takes no letters.
type Outbox struct {
	db        *store.DB
	jobs      *job.Queue
	keeper    *seal.Keeper
	permit    store.Permit
	log       *slog.Logger
	settings  Settings
	relay     *relay // nil where mail is not set up
	publicURL atomic.Pointer[string]
	outcomes  *prometheus.CounterVec
}

// New makes the outbox and names its job; permit is the system's, for the bookkeeping.
func New(db *store.DB, jobs *job.Queue, keeper *seal.Keeper, permit store.Permit, log *slog.Logger, s Settings) *Outbox {
	o := &Outbox{db: db, jobs: jobs, keeper: keeper, permit: permit, log: log, settings: s}
	o.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "guildhall_letters_total", Help: "Letters by how they ended: sent, refused, given_up after three days, or unknown.",
	}, []string{"outcome"})
	if s.Server != nil {
		o.relay = newRelay(s)
	}
	o.SetPublicURL("")
	// With mail switched off as well: letters from before wait for it to come back.
	jobs.HandleApart(sendJob, atOnce, o.deliver)
	return o
}

// Metrics are the outbox's counters.
func (o *Outbox) Metrics() prometheus.Collector { return o.outcomes }

// SetPublicURL names the server in the links of the letters sent from now on.
func (o *Outbox) SetPublicURL(u string) { o.publicURL.Store(&u) }

// Enabled tells whether letters leave this server.
func (o *Outbox) Enabled() bool { return o != nil && o.relay != nil }

const sendJob = "mail.send"

// letterField is what is sealed of a letter: all of it.
const letterField = "letter"

type sendPayload struct {
	Mail string `json:"mail"`
}

// sealed is a letter as it waits.
type sealed struct {
	To     string `json:"to"`
	Letter Letter `json:"letter"`
}

// Sealed lists the letters that wait, for who checks that everything sealed opens.
func Sealed(q store.Querier) ([]seal.Field, error) {
	return store.All(q, `SELECT id, sealed FROM mail ORDER BY id`, func(s store.Scan) (seal.Field, error) {
		f := seal.Field{Organization: store.Server, Name: letterField}
		err := s(&f.Object, &f.Text)
		return f, err
	})
}

// Send queues a letter in the transaction of the change that it tells of. Where mail
// is not set up, it does nothing.
func (o *Outbox) Send(tx *store.Tx, to string, l Letter) error {
	if !o.Enabled() {
		return nil
	}
	text, err := json.Marshal(sealed{to, l})
	if err != nil {
		return err
	}
	letter := id.New[string]()
	shut, err := o.keeper.Seal(tx, store.Server, letter, letterField, string(text))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO mail (id, sealed, handed_over_at, created_at) VALUES ($1, $2, 0, $3)`, letter, shut, tx.Now()); err != nil {
		return err
	}
	return o.jobs.Enqueue(tx, sendJob, sendPayload{letter}, tx.Now())
}

// Preview is the text of a letter as it would be sent now.
func (o *Outbox) Preview(l Letter) string {
	publicURL := *o.publicURL.Load()
	return l.addressed(publicURL).text(publicURL)
}
