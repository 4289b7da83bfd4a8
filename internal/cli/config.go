package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/guildhall-dev/guildhall/internal/config"
)

// Setting describes one setting of the server, for the reference.
type Setting struct {
	Group, Flag, Environment, Key, Default, Help string
}

// Settings lists the settings of the server, as guildhall serve --help has them.
func Settings() ([]Setting, error) {
	parser, err := newParser(&commands{}, io.Discard, io.Discard, func(int) {})
	if err != nil {
		return nil, err
	}
	var list []Setting
	for _, f := range serverFlags(parser.Model) {
		s := Setting{Flag: "--" + f.Name, Environment: strings.Join(f.Envs, ", "), Key: f.Name, Default: f.Default, Help: f.Help}
		if f.Group != nil {
			s.Group = f.Group.Title
		}
		list = append(list, s)
	}
	return list, nil
}

func serverFlags(model *kong.Application) []*kong.Flag {
	for _, command := range model.Children {
		if command.Name == "serve" {
			return command.Flags
		}
	}
	return nil
}

type configCommands struct {
	Print printCommand `cmd:"" help:"Print every setting of the server: its value, secrets masked, and where it came from."`
}

// printCommand takes what the server takes, so that it cannot miss a setting.
type printCommand struct {
	serveCommand
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is shown by guildhall config print --help.
func (printCommand) Help() string {
	return "Give it the flags, the environment and the file that the server gets. Exit 1: a setting is not possible."
}

// found is a setting as it is in force.
type found struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`         // flag, environment, file or default
	From   string `json:"from,omitempty"` // the variable's name, the file's path
}

// Run prints the settings. What is wrong with them is said behind.
func (c printCommand) Run(o output, ctx *kong.Context, all *commands) error {
	known := map[string]bool{}
	for _, f := range serverFlags(ctx.Model) {
		known[f.Name] = true
	}
	storage, err := c.Complete()
	if err != nil {
		return err
	}
	list := []found{}
	for _, f := range ctx.Selected().Flags {
		if !known[f.Name] {
			continue
		}
		setting := found{Name: f.Name, Value: shown(f.Target)}
		setting.Source, setting.From = origin(ctx, f, string(all.Config))
		if setting.Value == "" && setting.Source == "default" {
			setting.Value = derived(f.Name, storage, c.Server)
		}
		list = append(list, setting)
	}
	if c.JSON {
		err = json.NewEncoder(o.out).Encode(struct {
			Settings []found `json:"settings"`
		}{list})
	} else {
		table := tabwriter.NewWriter(o.out, 0, 0, 2, ' ', 0)
		for _, s := range list {
			fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, strings.TrimSpace(s.Source+" "+s.From))
		}
		err = table.Flush()
	}
	if err != nil {
		return err
	}
	return c.Check()
}

// shown is a value as a person may see it.
func shown(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case config.Secret:
		if value == "" {
			return ""
		}
		return value.String()
	case []string:
		return strings.Join(value, ",")
	default:
		return fmt.Sprint(value)
	}
}

// origin tells who gave a flag its value.
func origin(ctx *kong.Context, flag *kong.Flag, file string) (source, from string) {
	for _, p := range ctx.Path {
		switch {
		case p.Flag != flag:
		case p.Resolved:
			return "file", file
		default:
			return "flag", "--" + flag.Name
		}
	}
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return "environment", name
		}
	}
	return "default", ""
}

// derived is what a setting that nobody gave is made of.
func derived(name string, storage config.Storage, server config.Server) string {
	switch name {
	case "data":
		return storage.Data
	case "master-key-file":
		return storage.MasterKeyFile
	case "public-url":
		return server.BaseURL(server.Listen)
	}
	return ""
}
