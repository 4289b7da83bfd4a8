package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is what Go says of one that packages of ours are built with.
type module struct {
	Path, Version, Dir string
	Indirect, Main     bool
	Replace            *module
}

// built lists the modules that packages are built with, from the module cache: nothing is fetched.
func built(t *testing.T, args ...string) map[string]module {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Module"}, args...)...)
	// The same list on every machine: the binary that is released first.
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOPROXY=off")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, problems.Bytes())
	}
	list := map[string]module{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ Module *module }
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Module != nil && !p.Module.Main {
			list[p.Module.Path] = *p.Module
		}
	}
}

// licences are told by words that only they have, the more special ones first.
var licences = []struct{ name, words string }{
	{"Apache-2.0", "Apache License Version 2.0"},
	{"MPL-2.0", "Mozilla Public License"},
	{"Unlicense", "This is free and unencumbered software released into the public domain"},
	{"GPL", "GNU GENERAL PUBLIC LICENSE"},
	{"LGPL", "GNU LESSER GENERAL PUBLIC LICENSE"},
	{"AGPL", "GNU AFFERO GENERAL PUBLIC LICENSE"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived"},
	{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose"},
}

// taken are the licences that what is in the binary may have.
var taken = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

func licence(t *testing.T, m module) string {
	t.Helper()
	if m.Replace != nil {
		m.Dir = m.Replace.Dir
	}
	var found []string
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "License*"} {
		files, err := filepath.Glob(filepath.Join(m.Dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	slices.Sort(found)
	var names []string
	for _, file := range slices.Compact(found) {
		if info, err := os.Stat(file); err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range licences {
			if strings.Contains(strings.ToLower(words), strings.ToLower(l.words)) {
				names = append(names, l.name)
				break
			}
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// TestDependencies keeps the list of what is in the binary true, and its licences among those that we take.
func TestDependencies(t *testing.T) {
	inside, all := built(t, "."), built(t, "-test", "./...")
	checked := sums(t)
	var b strings.Builder
	table := func(list map[string]module, skip map[string]module) {
		b.WriteString("| module | version | licence | asked for by |\n|---|---|---|---|\n")
		for _, path := range sorted(list) {
			m := list[path]
			if _, ok := skip[path]; ok {
				continue
			}
			name, by := licence(t, m), "us"
			if m.Indirect {
				by = "another"
			}
			if name == "" {
				t.Errorf("%s %s has no licence that is known", m.Path, m.Version)
			}
			if !checked[m.Path+" "+m.Version] {
				t.Errorf("%s %s has no checksum in go.sum", m.Path, m.Version)
			}
			for one := range strings.SplitSeq(name, ", ") {
				if skip == nil && !slices.Contains(taken, one) {
					t.Errorf("%s is in the binary under %s", m.Path, name)
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.Path, m.Version, name, by)
		}
	}
	fmt.Fprintf(&b, "\n## In the binary\n\n")
	table(inside, nil)
	fmt.Fprintf(&b, "\n## In the tests only\n\n")
	table(all, inside)
	generated(t, "docs/dependencies.md", "dependencies", b.String()+"\n")
}

func sorted(list map[string]module) []string {
	var paths []string
	for path := range list {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// sums are the module versions whose content go.sum fixes.
func sums(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]bool{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) == 3 {
			list[f[0]+" "+f[1]] = true
		}
	}
	return list
}
