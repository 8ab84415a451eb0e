// Package roles is the table of what a program does besides its own work: a run
// starts its program again, in a role of a run's own process. The name of the
// role is then the first argument.
package roles

import (
	"os"

	"pgtest/harness/buildcache"
	"pgtest/harness/debugger"
	"pgtest/harness/internal/archived"
	"pgtest/harness/internal/collect"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/fuzz"
	"pgtest/harness/internal/pertest"
	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/supervisor"
	"pgtest/harness/internal/watchdog"
	"pgtest/harness/linkcache"
	"pgtest/signals"
)

// A Role is what a process of a run does.
type Role struct {
	// Name is the program's first argument.
	Name string
	// Main does the work, with the arguments behind the name, and returns the
	// exit status. A role that ends as another process did, by a signal, or
	// that becomes another program, does not return.
	Main func(args []string) int
}

// All are the roles of the processes of a run.
var All = []Role{
	{supervisor.Role, supervisor.Main},
	{pertest.Role, pertest.Main},
	{stress.Role, stress.Main},
	{watchdog.Role, watchdog.Main},
	{debugger.Role, debugger.Main},
	{archived.Role, archived.Main},
	{collect.Role, collect.Main},
	{fuzz.Role, fuzz.Main},
	{linkcache.Role, linkcache.Tool},
	{buildcache.Role, buildcache.Main},
	{signals.KeeperRole, signals.Keeper},
}

// Variables are the environment variables by which the processes of a run find
// each other: that of its socket, the user's GOTMPDIR and GOCACHEPROG, and overrides.
var Variables = []string{control.SocketVariable, control.TempVariable, control.ProgramVariable, control.OverridesVariable}

// Play ends the process with the role that args, the process's own, name. If
// they name none it does nothing. It must come first in main: the roles know
// nothing of a program's flags.
func Play(args []string) {
	if len(args) < 2 {
		return
	}
	for _, role := range All {
		if role.Name == args[1] {
			os.Exit(role.Main(args[2:]))
		}
	}
}
