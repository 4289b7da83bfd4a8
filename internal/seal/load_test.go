package seal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/app/apptest"
	"github.com/guildhall-dev/guildhall/internal/authn"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/id"
	"github.com/guildhall-dev/guildhall/internal/seal"
	"github.com/guildhall-dev/guildhall/internal/store"
)

// TestRotateUnderLoad rotates the key again and again while clients write and read,
// and while another process seals and opens that learns of the new key from its file
// only. Nobody sees an error, and afterwards everything opens and verifies.
func TestRotateUnderLoad(t *testing.T) {
	apptest.EachWith(t, apptest.Options{RealClock: true}, func(t *testing.T, s *apptest.Server) {
		jane := s.Person(t, "jane@example.com")
		organization := jane.Organization(t, "Acme")
		file := s.Storage.MasterKeyFile
		elsewhere := seal.NewRing(bound(t, s), file).Keeper()

		var over atomic.Bool
		var load sync.WaitGroup
		var requests, sealings atomic.Int64
		kept := make([][]sealedAt, 4)
		for n := range kept {
			load.Go(func() {
				for i := 0; !over.Load(); i++ {
					body := map[string]any{"name": fmt.Sprintf("project %d of %d", i, n)}
					r, err := jane.With("Idempotency-Key", fmt.Sprint(n, "-", i)).Try("POST", "/organization/"+string(organization)+"/project", body)
					if err != nil || r.Status != 200 {
						t.Errorf("write: %v %s", err, r.Body)
						return
					}
					if r, err := jane.Try("GET", "/organization/"+string(organization)+"/project", nil); err != nil || r.Status != 200 {
						t.Errorf("read: %v", err)
						return
					}
					requests.Add(2)
				}
			})
			load.Go(func() {
				for i := 0; !over.Load(); i++ {
					p := place{string(id.New[id.Organization]()), string(id.New[id.Object]()), "secret"} // a data key of its own
					text, err := store.Write(context.Background(), s.DB, authz.System("test"), func(tx *store.Tx) (string, error) {
						tx.Unaudited("a test")
						return elsewhere.Seal(tx, p.organization, p.object, p.field, fmt.Sprint(n, i))
					})
					if err != nil {
						t.Errorf("seal: %v", err)
						return
					}
					kept[n] = append(kept[n], sealedAt{p, text, fmt.Sprint(n, i)})
					// A keeper that remembers nothing has to unwrap it anew.
					old := kept[n][i/2]
					if err := old.opens(s, seal.NewRing(mustFind(t, file), file)); err != nil {
						t.Errorf("open: %v", err)
						return
					}
					sealings.Add(1)
				}
			})
		}
		for range 5 {
			if _, err := s.Run(t.Context(), app.CommandKeysRotate, json.RawMessage("{}")); err != nil {
				t.Errorf("rotate: %v", err)
			}
		}
		over.Store(true)
		load.Wait()
		t.Logf("%d requests and %d sealings beside 5 rotations", requests.Load(), sealings.Load())
		if requests.Load() == 0 || sealings.Load() == 0 {
			t.Error("nobody worked meanwhile")
		}
		ring := seal.NewRing(bound(t, s), "")
		var fields []seal.Field
		for _, list := range kept {
			for _, k := range list {
				fields = append(fields, seal.Field{Organization: k.organization, Object: k.object, Name: k.field, Text: k.text})
			}
		}
		opened, err := seal.Verify(t.Context(), s.DB, ring, authn.SealedKeys, func(store.Querier) ([]seal.Field, error) { return fields, nil })
		if err != nil || opened.Fields != int64(len(fields))+1 {
			t.Errorf("%+v, %v", opened, err)
		}
		keys, err := seal.StoreKeys(s.DB.Reader(t.Context()), ring)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := store.OpenAnswers(s.DB.Reader(t.Context()), keys); err != nil || n == 0 {
			t.Errorf("%d kept answers, %v", n, err)
		}
		s.Verify(t)
	})
}

type sealedAt struct {
	place
	text, plain string
}

func (k sealedAt) opens(s *apptest.Server, r *seal.Ring) error {
	plain, err := r.Keeper().Open(s.DB.Reader(context.Background()), k.organization, k.object, k.field, k.text)
	if err == nil && plain != k.plain {
		err = fmt.Errorf("it opened as %q", plain)
	}
	return err
}

// mustFind is whatever key lies in the file at this moment.
func mustFind(t *testing.T, file string) *seal.Master {
	m, err := seal.LoadMaster(file)
	if err != nil {
		t.Error(err)
	}
	return m
}
