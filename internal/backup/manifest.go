// Package backup copies a whole database into one file while it is used, brings it
// back, and proves that a file can be brought back.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// format is the newest form of a backup that this build knows.
const format = 1

// The kinds of databases, as a manifest names them.
const (
	SQLite     = "SQLite"
	PostgreSQL = "PostgreSQL"
)

const (
	manifestName = "manifest.json"
	maxManifest  = 1 << 20
)

// content is the name of the database inside a backup.
var content = map[string]string{SQLite: "guildhall.db", PostgreSQL: "guildhall.pgdump"}

// Manifest is the first thing in a backup: what the rest is.
type Manifest struct {
	Format         int         `json:"format"`
	Database       string      `json:"database"`
	Schema         int64       `json:"schema"`
	KeyFingerprint string      `json:"key_fingerprint"`
	CreatedAt      time.Time   `json:"created_at"`
	Program        string      `json:"program"`
	Size           int64       `json:"size"`
	SHA256         string      `json:"sha256"`
	Key            *WrappedKey `json:"key,omitempty"`
}

func parseManifest(text []byte) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, errNoBackup
	}
	switch {
	case m.Format > format:
		return m, fmt.Errorf("the backup has format %d and this Guildhall knows only up to %d: use the version that made it (%s)", m.Format, format, m.Program)
	case m.Format < 1 || content[m.Database] == "" || m.Schema < 1 || m.Size < 1:
		return m, errNoBackup
	}
	return m, nil
}

var errNoBackup = errors.New("the file is not a backup of Guildhall, or it is damaged")

// Fits refuses a backup whose schema this build does not know yet.
func (m Manifest) Fits() error {
	if m.Schema <= store.SchemaVersion() {
		return nil
	}
	return fault.New(fault.SchemaTooNew, "The backup has schema %d and this Guildhall knows only up to %d: use the version that made it (%s), or a newer one.",
		m.Schema, store.SchemaVersion(), m.Program)
}
