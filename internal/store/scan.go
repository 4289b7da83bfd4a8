package store

import "context"

// EachText hands out every text of the database with its table, for checks that must
// not miss what they were not told of.
func (db *DB) EachText(ctx context.Context, fn func(table, text string) error) error {
	tables, err := db.Tables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := db.eachTextOf(ctx, table, fn); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) eachTextOf(ctx context.Context, table string, fn func(table, text string) error) error {
	rows, err := db.reads.QueryContext(ctx, `SELECT * FROM "`+table+`"`) //nolint:gosec // the name comes from the database's own list
	if err != nil {
		return db.translate(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for _, v := range values {
			if text, ok := v.(string); ok {
				if err := fn(table, text); err != nil {
					return err
				}
			}
		}
	}
	return db.translate(rows.Err())
}

// OpenAnswers opens every kept answer and tells how many there are.
func OpenAnswers(q Querier, keys Keys) (n int64, err error) {
	err = Each(q, `SELECT actor_id, idempotency_key, answer FROM idempotency`, func(s Scan) error {
		var k keptAnswerRow
		if err := s(&k.actor, &k.key, &k.answer); err != nil {
			return err
		}
		n++
		_, err := keys.Answers.Open(k.answer, (&Idempotency{Actor: k.actor, Key: k.key}).additional())
		return err
	})
	return n, err
}
