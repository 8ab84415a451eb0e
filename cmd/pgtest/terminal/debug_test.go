//go:build linux

package terminal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/ptytest"
)

// debugger stands in for dlv: it starts the test binary and reads commands. It
// outlives a Ctrl-C.
const debugger = `#!/bin/sh
trap 'echo "a Ctrl-C"' INT
echo "dlv $*"
cat "$3"
echo "pwd $(pwd)"
sleep 1000 &
while :; do read line && { echo "read $line"; test "$line" = exit && exit 3; }; done
`

// quick keeps go from compiling the standard library without the optimizer.
const quick = "-gcflags=-N"

// withDebugger returns a directory for PATH.
func withDebugger(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dlv"), []byte(debugger), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// awaitDebugger waits until dlv has the terminal as a shell would give it.
func (j *job) awaitDebugger() (dlv ptytest.Process) {
	j.t.Helper()
	j.Until("dlv to have the terminal", func() bool {
		dlv = j.One("^/bin/sh .*/dlv") // it may only now have its group
		return j.Foreground() == dlv.Group && j.Echoes()
	})
	j.One("^sleep 1000")
	return dlv
}

// checkDebuggerGone wants nothing left of the debugger and its files.
func (j *job) checkDebuggerGone() {
	j.t.Helper()
	j.Gone("dlv|sleep 1000|__watchdog|debug-test")
	j.checkFilesGone()
}

// checkFilesGone wants no temporary files to be left.
func (j *job) checkFilesGone() {
	j.t.Helper()
	var left []string
	defer func() {
		if j.t.Failed() {
			j.t.Logf("left: %q", left)
		}
	}()
	j.Until("files to be removed", func() bool {
		ours, _ := filepath.Glob(filepath.Join(j.dir, "tmp", "pgtest*"))
		gos, _ := filepath.Glob(filepath.Join(j.dir, "tmp", "go-*"))
		left = append(ours, gos...)
		return len(left) == 0
	})
}

// dlv stops in the failed test, and knows nothing of Ctrl-Z, which nobody could
// undo.
func TestWatchDebug(t *testing.T) {
	j := startWatch(t, "bash", quick, "| tee ../log", withDebugger(t)).keys()
	j.write("a/a.go", strings.Replace(watched["a/a.go"], "1", "2", 1))
	j.ran(`\./a \./b \./c`)
	j.Type("d")
	j.Expect(`dlv exec --init \S+/stops \S+/debug.test -- \S+ -test.timeout=0s -test.run=\^TestB\$/\^one_x\$\r\n` +
		`break TestB\r\ncontinue\r\npwd \S*/m/b\r\n`)
	j.awaitDebugger()
	j.Type(ptytest.CtrlZ + "one\r")
	j.Expect("read .*one\r\n")
	j.Type(ptytest.CtrlC)
	j.Expect("a Ctrl-C\r\n")
	j.Type("exit\r")
	j.Expect("read exit\r\n")
	j.keys()
	j.Gone("sleep 1000|debug-test")
	j.Type("f")
	j.ran(`\./b with -run=\S+`)
	j.quit()
}

// When the watch is killed, the debugger is, too.
func TestWatchDebugKilled(t *testing.T) {
	j := startWatch(t, "bash", quick, "", withDebugger(t)).keys()
	j.write("b/b.go", watched["b/b.go"]+"\n")
	j.ran(`\./b`)
	j.Type("d")
	j.awaitDebugger()
	j.Signal(j.One(" --watch "), unix.SIGKILL)
	j.AwaitPrompt()
	j.checkDebuggerGone()
}

func TestWatchWithoutDebugger(t *testing.T) {
	if path, err := exec.LookPath("dlv"); err == nil {
		t.Skipf("%s is on PATH", path)
	}
	j := startWatch(t, "bash", "", "").keys()
	j.write("d/d.go", watched["d/d.go"]+"\n")
	j.ran(`\./d`)
	j.Type("d")
	j.Expect(`pgtest: d: dlv: not found on PATH`)
	j.quit()
}

// startDebugging runs --debug-test in a shell until dlv has the terminal.
func startDebugging(t *testing.T, shell string) (j *job, dlv ptytest.Process) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := harnesstest.WriteModule(filepath.Join(dir, "m"), watched); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + dir + "/tmp", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI="}
	j = &job{Interactive: ptytest.StartShell(t, shell, dir, append(env, keepCaches()...)...), t: t, dir: dir}
	j.Enter("cd m")
	j.AwaitPrompt()
	j.Enter("PATH=" + withDebugger(t) + ":$PATH " + pgtestPath + " --debug-test TestB/one_x " + quick + " ./...")
	return j, j.awaitDebugger()
}

// The debugger is a member of the shell's job: Ctrl-C is its own affair, and
// nothing outlives it.
func TestDebug(t *testing.T) {
	for _, shell := range ptytest.Shells {
		t.Run(shell, func(t *testing.T) {
			j, _ := startDebugging(t, shell)
			j.Type(ptytest.CtrlC)
			j.Expect("a Ctrl-C\r\n")
			j.Type("exit\r")
			j.AwaitPrompt()
			j.checkStatuses("3")
			j.CheckTerminal()
			j.checkDebuggerGone()
		})
	}
}

// Whatever ends pgtest ends the debugger and what it has started.
func TestDebugEnds(t *testing.T) {
	for _, tt := range []struct {
		name, status string
		end          func(j *job, dlv ptytest.Process)
	}{
		{"SIGKILL", "137", func(j *job, _ ptytest.Process) { j.Signal(j.One(" --debug-test "), unix.SIGKILL) }},
		{"SIGTERM", "143", func(j *job, _ ptytest.Process) { j.Signal(j.One(" --debug-test "), unix.SIGTERM) }},
		{"of the debugger", "137", func(j *job, dlv ptytest.Process) { j.Signal(dlv, unix.SIGKILL) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j, dlv := startDebugging(t, "bash")
			tt.end(j, dlv)
			j.AwaitPrompt()
			j.checkDebuggerGone() // before it reads what is typed for the shell
			j.checkStatuses(tt.status)
			j.CheckTerminal()
		})
	}
}

// Ctrl-C ends the building, and Ctrl-Z does not.
func TestDebugBuildInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin := withDebugger(t)
	tool := filepath.Join(bin, "tool")
	script := "#!/bin/sh\ncase $2 in -V*) exec \"$@\";; esac\necho building >/dev/tty\nsleep 1000\n"
	if err := os.WriteFile(tool, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := harnesstest.WriteModule(filepath.Join(dir, "m"), watched); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + dir + "/tmp", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI="}
	j := &job{Interactive: ptytest.StartShell(t, "bash", dir, append(env, keepCaches()...)...), t: t, dir: dir}
	j.Enter("cd m")
	j.AwaitPrompt()
	j.Enter("PATH=" + bin + ":$PATH " + pgtestPath + " --debug-test TestB -toolexec " + tool + " " + quick + " ./b")
	j.Expect("building\r\n")
	j.Type(ptytest.CtrlC)
	j.AwaitPrompt()
	j.checkStatuses("130")
	j.checkDebuggerGone()
}
