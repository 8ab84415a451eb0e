// Package earlytool makes a program that imports it pass tools of the go command
// on while it initializes its packages. Go does that in the order of their import
// paths, each once those are initialized that it imports itself. So this one,
// which imports next to nothing, comes before most of a program.
package earlytool

import (
	"os"

	"pgtest/harness/linkcache/toolexec"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == toolexec.Role {
		toolexec.Parse(os.Args[2:]).PassOn()
	}
}
