package seal

import (
	"context"
	"fmt"
	"regexp"

	"github.com/guildhall-dev/guildhall/internal/store"
)

// Field is a sealed text with the place that it is bound to.
type Field struct{ Organization, Object, Name, Text string }

// Fields lists the sealed texts of whoever seals any.
type Fields func(q store.Querier) ([]Field, error)

// Opened says how much Verify opened.
type Opened struct {
	DataKeys int64 `json:"data_keys"`
	Fields   int64 `json:"sealed_fields"`
}

var sealedText = regexp.MustCompile(prefix + `\.[0-9a-f-]{36}\.[A-Za-z0-9+/]+`)

// Verify opens every data key and every sealed text of a database. It also goes
// through all texts that there are: one that looks sealed and stands in no list
// would have been missed.
func Verify(ctx context.Context, db *store.DB, r *Ring, lists ...Fields) (Opened, error) {
	var o Opened
	q := db.Reader(ctx)
	err := store.Each(q, `SELECT id, organization_id, wrapped, master FROM data_key ORDER BY id`, func(s store.Scan) error {
		k, err := scanSealedKey(s)
		if err != nil {
			return err
		}
		o.DataKeys++
		_, err = r.unwrap(k.organization, k.id, k.master, k.wrapped)
		return err
	})
	if err != nil {
		return o, err
	}
	keeper, opened := r.Keeper(), map[string]bool{}
	for _, list := range lists {
		fields, err := list(q)
		if err != nil {
			return o, err
		}
		for _, f := range fields {
			if _, err := keeper.Open(q, f.Organization, f.Object, f.Name, f.Text); err != nil {
				return o, fmt.Errorf("the field %s of %s in organization %s: %w", f.Name, f.Object, f.Organization, err)
			}
			opened[f.Text] = true
			o.Fields++
		}
	}
	return o, db.EachText(ctx, func(table, text string) error {
		for _, found := range sealedText.FindAllString(text, -1) {
			if !opened[found] {
				return fmt.Errorf("the table %s holds a sealed text that this Guildhall does not know how to open", table)
			}
		}
		return nil
	})
}
