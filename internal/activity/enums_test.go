package activity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/guildhall-dev/guildhall/internal/audit"
	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
)

// late are the values of the contract that clients in use do not know yet: one
// event with such a value in a list breaks them.
var late = []string{"AGENTIC_WORKFLOW", "SKILL", "MCP", "POLICY_FAILED", "MCP_SERVER", "TOOL_CALL"}

// TestActionsUseTheContractsWords holds what our actions are called on the wire
// against the contract's closed lists.
func TestActionsUseTheContractsWords(t *testing.T) {
	for action, w := range audit.Wires() {
		if !slices.Contains(eventTypes, w.EventType) {
			t.Errorf("%s: the contract has no event type %q", action, w.EventType)
		}
		if !slices.Contains(targetTypes, w.TargetType) {
			t.Errorf("%s: the contract has no target type %q", action, w.TargetType)
		}
		if w.SubTargetType != "" && !slices.Contains(subTargetTypes, w.SubTargetType) {
			t.Errorf("%s: the contract has no part %q", action, w.SubTargetType)
		}
		for _, word := range []string{w.EventType, w.TargetType, w.SubTargetType} {
			if slices.Contains(late, word) {
				t.Errorf("%s: clients in use do not know %q", action, word)
			}
		}
	}
	for _, o := range []string{"API", "CLI", "TERRAFORM_PROVIDER", authz.System("").Actor().Client.Origin} {
		if !slices.Contains(origins, o) || slices.Contains(late, o) {
			t.Errorf("clients do not know the origin %q", o)
		}
	}
}

// TestListsAreTheContracts compares our copies of the lists with the contract, where
// the folder with it stands beside the repository.
func TestListsAreTheContracts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "contract", "qovery-openapi.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the public contract is not at hand")
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Enum []string `yaml:"enum"`
			} `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for name, ours := range map[string][]string{
		"OrganizationEventType": eventTypes, "OrganizationEventTargetType": targetTypes, "OrganizationEventSubTargetType": subTargetTypes,
		"OrganizationEventOrigin": origins, "OrganizationEventTargetLevel": targetLevels,
	} {
		theirs := slices.Sorted(slices.Values(doc.Components.Schemas[name].Enum))
		if len(theirs) == 0 || !slices.Equal(slices.Sorted(slices.Values(ours)), theirs) {
			t.Errorf("%s\nours     %v\ncontract %v", name, ours, theirs)
		}
	}
}

func TestMoment(t *testing.T) {
	const second = 1_767_225_600_000_000 // in microseconds
	for text, want := range map[string]int64{
		"":                     0,
		"0":                    0,
		"1767225600":           second,
		"1767225600.5":         second + 500_000,
		"1767225600.000001":    second + 1,
		"1767225600.123457":    second + 123_457,
		"1767225600.999999":    second + 999_999,
		"1767225600.1234567":   second + 123_456,
		"1767225600.":          second,
		"1767225600000000000":  second,
		"1767225600123456000":  second + 123_456,
		"1767225600123456999":  second + 123_456,
		"99999999999":          99_999_999_999_000_000,
		"100000000000000000":   100_000_000_000_000,
		"9223372036854775807":  9_223_372_036_854_775,
		"-1":                   -1,
		"-0.5":                 -1,
		"100000000000":         -1, // between the two forms
		"1767225600000":        -1, // milliseconds
		"99999999999999999":    -1,
		"9223372036854775808":  -1,
		"99999999999999999999": -1,
		"NaN":                  -1,
		"Inf":                  -1,
		"0x10":                 -1,
		"0x1p4":                -1,
		"1.7672256e9":          -1,
		"+1767225600":          -1,
		"1767225600.5x":        -1,
		"1767225600.-5":        -1,
		"1767225600.0000005x":  -1,
		"1.2.3":                -1,
		".5":                   -1,
		"1_000":                -1,
		"yesterday":            -1,
		"2026-03-01T12:00:00Z": -1,
		" 1767225600":          -1, //nolint:gocritic // the space is the point
		"1767225600,5":         -1,
	} {
		checks := &fault.Checks{}
		got := moment(checks, "fromTimestamp", text)
		err := checks.Err()
		if want < 0 {
			if f := fault.From(err); err == nil || f.Code != fault.Invalid || f.Fields[0].Field != "fromTimestamp" {
				t.Errorf("%q was taken as %d, %v", text, got, err)
			}
			continue
		}
		if err != nil || int64(got) != want {
			t.Errorf("%q is %d, want %d (%v)", text, got, want, err)
		}
	}
}
