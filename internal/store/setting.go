package store

import "errors"

// Setting reads a value that the server keeps about itself; empty where there is none.
func Setting(q Querier, name string) (string, error) {
	value, err := Value[string](q, `SELECT value FROM setting WHERE name = $1`, name)
	if errors.Is(err, ErrNone) {
		return "", nil
	}
	return value, err
}

// SetSetting keeps such a value.
func SetSetting(tx *Tx, name, value string) error {
	tx.Unaudited("the server's own settings are no change of an organization")
	_, err := tx.Exec(`INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}
