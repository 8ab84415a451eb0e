package main

import (
	"cmp"
	"fmt"

	"pgtest/cmd/pgtest/internal/flags"
)

// checkProcs says why packages can't wait for each other, if they are to, and makes
// --serial what it stands for.
func checkProcs(c *flags.CommandLine) error {
	name, asked := "package-procs", c.PackageProcs > 0
	if c.Serial {
		name, asked = "serial", true
	}
	err := cmp.Or(
		together("serial", clash{c.Serial && c.PackageProcs > 1, fmt.Sprintf("--package-procs=%d", c.PackageProcs)}),
		together(name,
			clash{asked && c.ReadsInput(), "-, which runs no tests"},
			clash{asked && c.RawCommand, "--raw-command"}),
	)
	if err == nil && c.Serial {
		c.PackageProcs = 1
	}
	return err
}
