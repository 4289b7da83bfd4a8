package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/guildhall-dev/guildhall/internal/app"
	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/store"
)

var rotation = []step{
	{audit.MasterKeyRotate, func(t *testing.T, w *world) change {
		made, err := w.s.Run(t.Context(), app.CommandKeysRotate, json.RawMessage("{}"))
		if err != nil {
			t.Fatal(err)
		}
		a := made.(app.RotateAnswer)
		who, from := operator("operator")
		return change{
			stream: store.Server, actor: who, client: from, target: audit.Reference{Name: "master key"},
			before: []byte(`{"fingerprint":"` + a.Before + `"}`), after: []byte(`{"fingerprint":"` + a.Fingerprint + `"}`), changed: []string{"fingerprint"},
		}
	}},
}
