package backup

import (
	"context"
	"testing"
)

// Dump calls pg_dump as a backup does.
func Dump(ctx context.Context, address, file string) error { return dump(ctx, address, file) }

// Installed changes where PostgreSQL's programs are looked for beside PATH.
func Installed(t *testing.T, dir string) {
	before := installed
	installed = dir
	t.Cleanup(func() { installed = before })
}
