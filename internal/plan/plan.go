// Package plan knows the plans: what each includes and limits. They are data, one
// file, which the operator can replace; the wire names are fixed by the contract.
package plan

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

//go:embed plans.json
var builtIn []byte

// Plan is one plan. Zero for a count means unlimited.
type Plan struct {
	Name         string   `json:"name"`
	Display      string   `json:"display"`
	Legacy       bool     `json:"legacy"`
	Offered      bool     `json:"offered"`
	Aliases      []string `json:"aliases,omitempty"`
	Members      int      `json:"members"`
	RetentionDay int      `json:"audit_logs_retention_in_days"`
	Clusters     int      `json:"managed_clusters"`
	PriceInCents *int64   `json:"price_in_cents_per_month"`
	Includes     string   `json:"includes"`
}

// Retention is how far back the activity can be read.
func (p Plan) Retention() time.Duration { return time.Duration(p.RetentionDay) * 24 * time.Hour }

// Names are the wire values, in the contract's order.
var Names = []string{
	"FREE", "TEAM", "TEAM_YEARLY", "ENTERPRISE", "ENTERPRISE_YEARLY", "PROFESSIONAL", "BUSINESS",
	"USER_2025", "TEAM_2025", "BUSINESS_2025", "ENTERPRISE_2025",
}

// Catalogue is the set of plans in force.
type Catalogue struct {
	list   []Plan
	byName map[string]Plan
}

// Load reads the operator's plans file, or the built-in one where path is empty.
func Load(path string) (*Catalogue, error) {
	text := builtIn
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read the plans: %w", err)
		}
	}
	c, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("plans %s: %w", path, err)
	}
	return c, nil
}

func parse(text []byte) (*Catalogue, error) {
	var file struct {
		Plans []Plan `json:"plans"`
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON object")
	}
	c := &Catalogue{list: file.Plans, byName: map[string]Plan{}}
	for _, p := range file.Plans {
		switch {
		case !slices.Contains(Names, p.Name):
			return nil, fmt.Errorf("%q is not a plan of the contract; the names are %s", p.Name, strings.Join(Names, ", "))
		case p.Members < 0 || p.Clusters < 0:
			return nil, fmt.Errorf("%s: a limit is below zero; 0 means unlimited", p.Name)
		case p.RetentionDay < 1 || p.RetentionDay > 3650:
			return nil, fmt.Errorf("%s: audit_logs_retention_in_days must be between 1 and 3650", p.Name)
		}
		if _, twice := c.byName[p.Name]; twice {
			return nil, fmt.Errorf("%s is there twice", p.Name)
		}
		c.byName[p.Name] = p
	}
	for _, name := range Names {
		if _, ok := c.byName[name]; !ok {
			return nil, fmt.Errorf("%s is missing; all %d plans of the contract must be there", name, len(Names))
		}
	}
	return c, nil
}

// Get finds a plan by its wire name.
func (c *Catalogue) Get(name string) (Plan, bool) {
	p, ok := c.byName[name]
	return p, ok
}

// All lists the plans in the file's order.
func (c *Catalogue) All() []Plan { return slices.Clone(c.list) }
