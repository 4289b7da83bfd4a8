// Guildhall is an organization control plane for application platforms.
package main

//go:generate go test -run ^(TestServedTable|TestErrorCatalogue|TestSettingsTable|TestDependencies)$ -count=1 . -update

import (
	"os"

	"github.com/guildhall-dev/guildhall/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
