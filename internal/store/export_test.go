package store

import (
	"context"
	"io/fs"
	"time"
)

// What the tests of this package see beyond its doors.

// Waiting tells how many Writes wait for their turn; on PostgreSQL those that have
// a connection beside the one that runs, which is all that can be seen there.
func (db *DB) Waiting() int {
	if db.queue == nil {
		return db.writes.Stats().InUse - 1
	}
	db.queue.mu.Lock()
	defer db.queue.mu.Unlock()
	return len(db.queue.queue)
}

// SetDeadline changes how long a batch of the embedded database may take.
func (db *DB) SetDeadline(d time.Duration) { db.queue.deadline = d }

// LockedHeads are the heads of a Write in the order they were locked.
func LockedHeads(tx *Tx) []string {
	var ids []string
	for _, h := range tx.heads {
		ids = append(ids, h.id)
	}
	return ids
}

// NewHeads makes heads that belong to no database; shared ones believe that other
// nodes write as well.
func NewHeads(shared bool) *Heads { return newHeads(shared) }

// Confirm says when other nodes' changes were looked for.
func (h *Heads) Confirm(at time.Time) { h.confirmed.Store(at.UnixNano()) }

// Advance makes a generation known.
func (h *Heads) Advance(id string, s HeadState) { h.advance(id, s) }

// ForgetAll drops every known generation.
func (h *Heads) ForgetAll() { h.forgetAll() }

// Known tells how many generations are known.
func (h *Heads) Known() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.known)
}

// Seq is the newest known change of a head; 0 where it is not known.
func (h *Heads) Seq(id string) int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.known[id].Seq
}

// MaxHeads is the bound of the known generations.
const MaxHeads = maxHeads

// MigrationNames checks the numbering of migration files.
func MigrationNames(files fs.FS) ([]string, error) {
	list, err := readMigrations(files)
	names := make([]string, 0, len(list))
	for _, m := range list {
		names = append(names, m.name)
	}
	return names, err
}

// Apply runs other migrations than the built-in ones on a migrated database.
func (db *DB) Apply(ctx context.Context, number int64, name, text string) error {
	m := migration{number: number, name: name, text: text, checksum: name}
	return db.migrateStep(ctx, func(tx *Tx) error { return applyMigration(tx, m) })
}
