package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/clock"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// Permit says on whose head a Write stands and whether it may still happen. It is
// asked inside the transaction, after the head is locked.
type Permit interface {
	Head() string
	Recheck(tx *Tx) error
}

// Tx is a running Write. Its first failed statement poisons it: nothing of it commits.
type Tx struct {
	db        *DB
	ctx       context.Context
	conn      executor
	now       clock.Time
	heads     []*head // in the order they were locked
	after     []func()
	poison    error
	changes   int
	wrote     bool // rows are not as they were
	unaudited string
	dry       *DryRun // set where all of it is taken back
	notes     []any
	// started, where set, ends the time in which the caller may take the Write back.
	started func() error
}

// executor runs statements inside the open transaction.
type executor interface {
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	// send may keep a statement back until another one, or flush, wants to run.
	send(ctx context.Context, query string, args []any) error
	flush(ctx context.Context) error
}

// head is a locked head row and what the Write makes of it.
type head struct {
	id          string
	kind        HeadKind
	seq, rights int64
	hash        []byte
	fresh       bool // opened by this Write
	dirty       bool
	events      int
}

// Now is the moment of the Write; all its rows carry the same.
func (tx *Tx) Now() clock.Time { return tx.now }

// Context is the Write's own context; a Write under it is refused.
func (tx *Tx) Context() context.Context { return tx.ctx }

// AfterCommit runs fn once the Write is durable and before it is acknowledged. It
// is quick and does not Write: on SQLite it runs on the one writer.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// Unaudited lets rows commit without an event; the reason is for the reader.
func (tx *Tx) Unaudited(reason string) { tx.unaudited = reason }

// Exec changes rows and tells how many.
func (tx *Tx) Exec(query string, args ...any) (int64, error) {
	tx.changes++
	return tx.exec(query, args...)
}

// Send is Exec where nobody needs to know how many rows changed, nor at once whether
// it went well: on PostgreSQL the statement travels with the next ones. They run in
// their order all the same, and one that fails poisons the Write.
func (tx *Tx) Send(query string, args ...any) error {
	tx.changes++
	return tx.send(query, args...)
}

func (tx *Tx) send(query string, args ...any) error {
	if tx.poison != nil {
		return tx.poison
	}
	tx.wrote = true
	if err := tx.conn.send(tx.ctx, query, args); err != nil {
		return tx.failed(fmt.Errorf("statement: %w", err))
	}
	return nil
}

// exec is for the store's own bookkeeping, which needs no event.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if tx.poison != nil {
		return 0, tx.poison
	}
	res, err := tx.conn.exec(tx.ctx, query, args)
	if err != nil {
		return 0, tx.failed(fmt.Errorf("statement: %w", err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.failed(err)
	}
	tx.wrote = tx.wrote || n > 0
	return n, nil
}

func (tx *Tx) rows(query string, args []any) (*sql.Rows, error) {
	if tx.poison != nil {
		return nil, tx.poison
	}
	if changesRows(query) {
		tx.changes++
		tx.wrote = true
	}
	return tx.conn.query(tx.ctx, query, args)
}

var changingVerb = regexp.MustCompile(`\b(INSERT|UPDATE|DELETE)\b`)

// changesRows tells a statement that only looks from one that may also change
// something: INSERT … RETURNING, or a WITH that leads to one.
func changesRows(query string) bool {
	query = strings.TrimSpace(query)
	return !strings.HasPrefix(query, "SELECT") && (!strings.HasPrefix(query, "WITH") || changingVerb.MatchString(query))
}

// marked tells whether the transaction may not be as it was before this Write:
// rows changed, or a statement failed, which can take the whole transaction with it.
func (tx *Tx) marked() bool { return tx.wrote || tx.poison != nil }

func (tx *Tx) over() error { return tx.ctx.Err() }

func (tx *Tx) failed(err error) error {
	if tx.poison == nil {
		tx.poison = err
	}
	return err
}

// Lock takes further heads for the rest of the Write: accounts before
// organizations, ids ascending, so that two Writes cannot wait for each other.
func (tx *Tx) Lock(ids ...string) error {
	for _, id := range slices.Sorted(slices.Values(ids)) {
		if err := tx.lock(id); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) lock(id string) error {
	if tx.locked(id) != nil {
		return nil
	}
	h, err := One(tx, tx.db.dialect.lockHead, func(s Scan) (*head, error) {
		h := &head{id: id}
		return h, s(&h.kind, &h.seq, &h.rights, &h.hash)
	}, id)
	if errors.Is(err, ErrNone) {
		return fault.New(fault.NotFound, "")
	}
	if err != nil {
		return err
	}
	if len(h.hash) == 0 { // the server's head, as the first migration made it
		h.hash = make([]byte, sha256.Size)
	}
	tx.heads = append(tx.heads, h)
	return nil
}

func (tx *Tx) locked(id string) *head {
	for _, h := range tx.heads {
		if h.id == id {
			return h
		}
	}
	return nil
}

// OpenHead starts the head of a new organization or account.
func (tx *Tx) OpenHead(kind HeadKind, id string) {
	tx.heads = append(tx.heads, &head{id: id, kind: kind, hash: make([]byte, sha256.Size), fresh: true, dirty: true})
}

// DropHead forgets that a head exists once the Write commits; its row goes with
// the caller's own statement.
func (tx *Tx) DropHead(id string) {
	tx.heads = slices.DeleteFunc(tx.heads, func(h *head) bool { return h.id == id })
	tx.AfterCommit(func() { tx.db.heads.forgetAll() })
}

// HeadState is the generation that the Write found on a locked head.
func (tx *Tx) HeadState(id string) (HeadState, bool) {
	if h := tx.locked(id); h != nil {
		return HeadState{Seq: h.seq, Rights: h.rights}, true
	}
	return HeadState{}, false
}

// Touch numbers a change of a locked account's head, which has no events of its
// own; rights says that it changes what the account may do.
func (tx *Tx) Touch(account string, rights bool) error {
	h := tx.locked(account)
	if h == nil || h.kind != AccountHead {
		return tx.failed(fmt.Errorf("%s is not the head of an account locked by this Write", account))
	}
	h.advance(rights)
	return nil
}

func (h *head) advance(rights bool) {
	h.seq++
	h.dirty = true
	if rights {
		h.rights = h.seq
	}
}

// ChainHash links an event to the one before it.
func ChainHash(previous []byte, seq int64, digest []byte) []byte {
	sum := sha256.New()
	sum.Write(previous)
	sum.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
	sum.Write(digest)
	return sum.Sum(nil)
}

// AppendEvent puts an event's digest at the end of a locked head's chain.
func (tx *Tx) AppendEvent(id string, digest []byte, rights bool) (seq int64, hash []byte, err error) {
	h := tx.locked(id)
	if h == nil || h.kind == AccountHead {
		return 0, nil, tx.failed(fmt.Errorf("%s is not the head of a chain locked by this Write", id))
	}
	h.advance(rights)
	h.events++
	h.hash = ChainHash(h.hash, h.seq, digest)
	return h.seq, h.hash, nil
}

// HeadMAC authenticates a head row with a key that is not in the database.
func HeadMAC(key []byte, id string, seq, rights int64, hash []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	var numbers [16]byte
	binary.BigEndian.PutUint64(numbers[:8], uint64(seq))
	binary.BigEndian.PutUint64(numbers[8:], uint64(rights))
	mac.Write(numbers[:])
	mac.Write(hash)
	return mac.Sum(nil)
}

// finish writes the heads back. Rows without an event do not commit.
func (tx *Tx) finish() error {
	if tx.poison != nil {
		return tx.poison
	}
	events := 0
	for _, h := range tx.heads {
		events += h.events
	}
	if tx.changes > 0 && events == 0 && tx.unaudited == "" {
		return errors.New("store: a Write changed rows without recording an event")
	}
	for _, h := range tx.heads {
		if !h.dirty {
			continue
		}
		mac := HeadMAC(tx.db.keys.HeadMAC, h.id, h.seq, h.rights, h.hash)
		var err error
		if h.fresh {
			err = tx.send(tx.db.dialect.insertHead, h.id, h.seq, h.rights, h.hash, mac, h.kind)
		} else {
			err = tx.send(tx.db.dialect.saveHead, h.id, h.seq, h.rights, h.hash, mac)
		}
		if err != nil {
			return err
		}
	}
	if err := tx.conn.flush(tx.ctx); err != nil {
		return tx.failed(fmt.Errorf("statement: %w", err))
	}
	return nil
}

// committed makes the change known to the caches and runs the effects.
func (tx *Tx) committed() {
	for _, h := range tx.heads {
		if h.dirty {
			tx.db.heads.advance(h.id, HeadState{Seq: h.seq, Rights: h.rights})
		}
	}
	for _, fn := range tx.after {
		fn()
	}
}
