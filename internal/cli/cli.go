// Package cli is the command line: it reads flags, environment and file into the
// settings, and calls package app.
package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

// exit codes: 1 the command was refused or failed, 2 the command line was wrong.
const (
	exitFailed = 1
	exitUsage  = 2
)

type commands struct {
	Config kong.ConfigFlag `help:"YAML file of settings; its keys are the flags' names." placeholder:"FILE"`

	Serve   serveCommand         `cmd:"" help:"Start the server."`
	Admin   adminCommands        `cmd:"" help:"The operator's commands; they work beside a running server and without one."`
	Audit   auditCommands        `cmd:"" help:"The record of what happened."`
	Backup  backupCommands       `cmd:"" help:"Backups of the whole database."`
	Restore restoreBackupCommand `cmd:"" help:"Bring a backup back into an empty data directory, or an empty PostgreSQL database."`
	Keys    keysCommands         `cmd:"" help:"The master key."`
	Migrate migrateCommand       `cmd:"" help:"Bring the database's schema to this version without starting a server; a backup is made first."`
	Doctor  doctorCommand        `cmd:"" help:"Look at the installation, and say what is wrong with it and what to do."`
	Setting configCommands       `cmd:"" name:"config" help:"The settings of the server."`
	Openapi openapiCommand       `cmd:"" help:"Print the API's description (OpenAPI 3.0)."`
	Version versionCommand       `cmd:"" help:"Print the version."`
}

// output is where commands print.
type output struct{ out, err io.Writer }

// silent is a failure that has been reported already.
var errSilent = errors.New("reported")

// Main runs the program and gives its exit code.
func Main(args []string, out, errOut io.Writer) int {
	var c commands
	code := -1
	parser, err := newParser(&c, out, errOut, func(n int) { code = n })
	if err != nil {
		fmt.Fprintln(errOut, "guildhall:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // --help printed and asked to exit
		return code
	}
	if err != nil {
		fmt.Fprintln(errOut, "guildhall:", err)
		fmt.Fprintln(errOut, "Run guildhall --help, or any command with --help.")
		return exitUsage
	}
	if err := ctx.Run(output{out, errOut}, &c); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintln(errOut, "guildhall:", explain(err))
		}
		return exitFailed
	}
	return 0
}

func newParser(c *commands, out, errOut io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("guildhall"),
		kong.Description("The organization control plane for application platforms. Every flag is also an environment variable (GUILDHALL_ and the flag's name) and a key of the file given with --config."),
		kong.DefaultEnvars("GUILDHALL"),
		kong.Configuration(loadYAML),
		kong.Writers(out, errOut),
		kong.Exit(exit),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
}

// explain words an error for the terminal: a refusal by its sentence and fields.
func explain(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Internal {
		return err.Error()
	}
	lines := []string{f.Detail}
	for _, field := range f.Fields {
		lines = append(lines, fmt.Sprintf("  %s %s", field.Field, field.Message))
	}
	return strings.Join(lines, "\n")
}

// loadYAML lets a file give the flags' values; a key that is no flag is refused.
func loadYAML(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("the configuration file is not YAML of keys and values: %w", err)
	}
	given := map[string]any{}
	for key, value := range values {
		given[strings.ReplaceAll(key, "_", "-")] = value
	}
	return fileResolver(given), nil
}

type fileResolver map[string]any

// Validate refuses a key that no command knows as a flag.
func (f fileResolver) Validate(app *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	for key := range f {
		if err == nil && !known[key] {
			err = fmt.Errorf("the configuration file has the key %q, which is no setting", key)
		}
	}
	return err
}

// Resolve gives a flag its value from the file, unless the environment has one: the
// library asks it for every flag that the command line leaves out.
func (f fileResolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil //nolint:nilnil // the library's word for "not here"
		}
	}
	if value, ok := f[flag.Name]; ok {
		return text(value), nil
	}
	return nil, nil //nolint:nilnil // the same
}

// text is a value of the file as the flag takes it: a list with commas.
func text(value any) string {
	list, ok := value.([]any)
	if !ok {
		return fmt.Sprint(value)
	}
	parts := make([]string, len(list))
	for i, part := range list {
		parts[i] = fmt.Sprint(part)
	}
	return strings.Join(parts, ",")
}

// release is set when a release is built: -ldflags "-X …/internal/cli.release=1.0.0".
var release string

func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += " " + s.Value[:12]
		}
	}
	return v
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(o output) error {
	_, err := fmt.Fprintln(o.out, "guildhall", version())
	return err
}
