package store

import (
	"context"

	"github.com/guildhall-dev/guildhall/internal/clock"
)

// Examination is what a database says of itself.
type Examination struct {
	Version string
	// Damage is what SQLite finds wrong with its file, ten findings at most.
	Damage []string
	// Settings are those of PostgreSQL's on which durability and text hang.
	Settings map[string]string
	// Now is the clock of PostgreSQL's machine; zero for SQLite, which has none of its own.
	Now clock.Time
}

// Examine asks the database how it is. SQLite reads its whole file for that.
func (db *DB) Examine(ctx context.Context) (Examination, error) {
	q := db.Reader(ctx)
	e := Examination{Settings: map[string]string{}}
	var err error
	if e.Version, err = Value[string](q, db.dialect.version); err != nil {
		return e, err
	}
	if db.dialect.damage != "" {
		if e.Damage, err = All(q, db.dialect.damage, func(s Scan) (text string, err error) { return text, s(&text) }); err != nil {
			return e, err
		}
	}
	if db.dialect.settings != "" {
		if err := Each(q, db.dialect.settings, func(s Scan) error {
			var name, value string
			err := s(&name, &value)
			e.Settings[name] = value
			return err
		}); err != nil {
			return e, err
		}
	}
	if db.dialect.moment != "" {
		e.Now, err = Value[clock.Time](q, db.dialect.moment)
	}
	return e, err
}
