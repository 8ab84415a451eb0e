//go:build linux

package terminal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/signals/ptytest"
)

// watched is a module for tests of --watch. b imports a, and c's tests do. slow
// runs until a signal.
var watched = map[string]string{
	"a/a.go":         "package a\n\nfunc A() int { return 1 }\n",
	"a/a_test.go":    "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
	"b/b.go":         "package b\n\nimport \"example.com/m/a\"\n\nfunc B() int { return a.A() }\n",
	"b/b_test.go":    "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {\n\tt.Run(\"one x\", func(t *testing.T) {\n\t\tif B() != 1 {\n\t\t\tt.Error(\"not one\")\n\t\t}\n\t})\n}\n\nfunc TestOther(t *testing.T) {}\n",
	"c/c_test.go":    "package c\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/a\"\n)\n\nfunc TestC(t *testing.T) { a.A() }\n",
	"d/d.go":         "package d\n\nimport _ \"embed\"\n\n//go:embed page.html\nvar Page string\n",
	"d/page.html":    "one",
	"d/d_test.go":    "package d\n\nimport \"testing\"\n\nfunc TestD(t *testing.T) { t.Log(Page) }\n",
	"d/testdata/in":  "in",
	"slow/s_test.go": "package slow\n\nimport (\n\t\"os\"\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSlow(t *testing.T) {\n\tos.WriteFile(os.Getenv(\"READY\")+\"/slow\", nil, 0o644)\n\ttime.Sleep(time.Hour)\n}\n",
}

// startWatch runs `pgtest --watch <args> <rest>` in a shell, in a module of its
// own, and waits until it watches. path is put in front of PATH.
func startWatch(t *testing.T, shell, args, rest string, path ...string) *job {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	for _, sub := range []string{"tmp", "ready"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := harnesstest.WriteModule(filepath.Join(dir, "m"), watched); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + dir + "/tmp", "READY=" + dir + "/ready", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI="}
	j := &job{Interactive: ptytest.StartShell(t, shell, dir, append(env, keepCaches()...)...), t: t, dir: dir}
	j.Enter("cd m")
	j.AwaitPrompt()
	j.Enter("PATH=" + strings.Join(append(path, "$PATH"), ":") + " " + pgtestPath + " --watch --color never --format testname --progress off " + args + " " + rest)
	j.Expect(`Watching \d+ directories\. Use Ctrl-c to stop a run or exit\.`)
	return j
}

// keys waits until keys are read.
func (j *job) keys() *job {
	j.t.Helper()
	j.awaitHeld()
	j.Until("keys to be read", func() bool { return !j.Echoes() })
	return j
}

func (j *job) write(name, text string) {
	j.t.Helper()
	path := filepath.Join(j.dir, "m", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		j.t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		j.t.Fatal(err)
	}
	defer file.Close()
	// The file is never empty: on a busy machine the watch could see that.
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Truncate(int64(len(text)))); err != nil {
		j.t.Fatal(err)
	}
}

// sh runs a shell script in the module, as an editor or git would do it.
func (j *job) sh(script string) {
	j.t.Helper()
	cmd := harnesstest.Start(j.t, nil, "sh", "-ec", "cd "+j.dir+"/m; "+script)
	if err := cmd.Wait(); err != nil {
		j.t.Fatalf("%s: %v", script, err)
	}
}

// ran waits for the run of packages, named as the watch does, and for its end.
func (j *job) ran(names string) string {
	j.t.Helper()
	return j.Expect(`\r\nRunning tests in ` + names + `\r\n((?s).*?DONE [^\n]*)`)[1]
}

func (j *job) quit() {
	j.t.Helper()
	j.Type("q")
	j.AwaitPrompt()
	j.CheckTerminal()
}

// A save runs the package, then those that import it and those whose tests do;
// keys choose other tests.
func TestWatchKeys(t *testing.T) {
	j := startWatch(t, "bash", "", "").keys()
	j.write("a/a.go", strings.Replace(watched["a/a.go"], "1", "2", 1))
	if out := j.ran(`\./a \./b \./c`); !strings.Contains(out, "FAIL b.TestB/one_x") || !strings.Contains(out, "PASS c.TestC") {
		t.Errorf("output %s", out)
	}
	j.Type("f")
	if out := j.ran(`\./b with -run=\^TestB\$/\^one_x\$`); !strings.Contains(out, "DONE 2 tests, 2 failures") {
		t.Errorf("output %s", out)
	}
	j.write("a/a.go", watched["a/a.go"])
	j.ran(`\./a \./b \./c`)
	j.Type("f")
	j.Expect("No test has failed")
	j.Type("pTestOt")
	j.Expect("Pattern for -run, none for all tests: TestOt")
	j.Type("her\r")
	if out := j.ran(`\./a \./b \./c with -run=TestOther`); !strings.Contains(out, "DONE 1 tests") {
		t.Errorf("output %s", out)
	}
	j.Type("p\r")
	j.ran(`\./a \./b \./c`)
	j.Type("r")
	j.ran(`\./a \./b \./c`)
	j.Type("u")
	if out := j.ran(`\./a \./b \./c with -update`); !strings.Contains(out, "flag provided but not defined: -update") {
		t.Errorf("output %s", out)
	}
	j.Type("l")
	j.Expect(`Watching \d+ directories`)
	j.Type("?")
	j.Expect(`debug the tests that failed, with dlv`)
	j.Type("a")
	j.awaitTests("slow")
	j.Expect(`\r\nRunning tests in \./\.\.\.\r\n`)
	j.Type(ptytest.CtrlC)
	j.Expect(`(?s)=== INTERRUPTED: slow.*DONE`)
	j.Type("q")
	j.AwaitPrompt()
	j.checkStatuses("0")
	j.CheckTerminal()
}

// A save during a run cancels it, and nothing of that is reported.
func TestWatchCancel(t *testing.T) {
	j := startWatch(t, "bash", "--junitfile ../junit.xml", "").keys()
	j.write("slow/s_test.go", watched["slow/s_test.go"]+"\n")
	j.awaitTests("slow")
	j.write("d/d.go", watched["d/d.go"]+"\n")
	j.Expect(`\r\nRunning tests in \./slow\r\n`)
	before := j.Expect(`((?s).*?)\r\nRunning tests in \./d \./slow\r\n`)[1]
	for _, no := range []string{"DONE", "FAIL", "Interrupted", "INTERRUPTED"} {
		if strings.Contains(before, no) {
			t.Errorf("the cancelled run says %s: %s", no, before)
		}
	}
	j.Expect("PASS d.TestD")
	j.Type("q")
	j.AwaitPrompt()
	j.checkStatuses("0")
	j.Gone(`slow\.test`)
}

// The ways in which files change. A save that is one change is one run; between
// the steps of others a loaded machine may pause for longer than a watch waits.
func TestWatchSaves(t *testing.T) {
	j := startWatch(t, "bash", "", "").keys()
	runs := func() int { return strings.Count(j.Screen(), "Running tests in") }
	for _, save := range []struct{ name, script, names string }{
		{"source file", "echo >>d/d.go", `\./d`},
		{"embedded file", "echo two >>d/page.html", `\./d`},
		{"testdata", "echo more >>d/testdata/in", `\./d`},
	} {
		before := runs()
		j.sh(save.script)
		j.ran(save.names)
		if n := runs() - before; n != 1 {
			t.Errorf("%s: %d runs", save.name, n)
		}
	}
	// Nothing of this is a save. The runs are those of what follows. After the
	// first of them the new directories would be watched, if they were to be.
	before := runs()
	j.sh("touch d/d.go; chmod 600 d/d.go; mkdir -p .git/x node_modules _x vendor/v; echo >>c/c_test.go")
	j.ran(`\./c`)
	j.sh("for d in .git/x node_modules _x vendor/v; do echo 'package x' >$d/x.go; done; echo >d/.d.go.swp; echo >README.md; echo >>c/c_test.go")
	j.ran(`\./c`)
	if n := runs() - before; n != 2 {
		t.Errorf("%d runs for two saves", n)
	}
	for _, save := range []struct{ name, script, names string }{
		{"vim", "cd d; touch 4913; rm 4913; mv d.go d.go~; cp d.go~ d.go; echo >>d.go; rm d.go~", `\./d`},
		{"emacs", "cd d; ln -s user@host.1 .#d.go; mv d.go d.go~; cp d.go~ d.go; echo >>d.go; rm .#d.go", `\./d`},
		{"JetBrains", "cd d; cp d.go d.go___jb_tmp___; echo >>d.go___jb_tmp___; mv d.go d.go___jb_old___; mv d.go___jb_tmp___ d.go; rm d.go___jb_old___", `\./d`},
		{"sed -i", "sed -i 's/^$//;$s/$/ /' d/d.go; echo >>d/d.go", `\./d`},
		{"rename over", "cp d/d.go new; echo >>new; mv new d/d.go", `\./d`},
		{"new directory in testdata", "mkdir -p d/testdata/x/y; echo >d/testdata/x/y/z", `\./d`},
		{"file there", "echo more >d/testdata/x/y/z", `\./d`},
		{"new package", `mkdir -p new/er; printf 'package er\n' >new/er/e.go; printf 'package er\n\nimport "testing"\n\nfunc TestNew(t *testing.T) {}\n' >new/er/e_test.go`, `\./new/er`},
		{"file there", "echo >>new/er/e.go", `\./new/er`},
		{"renamed directory", "mv new old", `\./old/er`},
		{"file there", "echo >>old/er/e.go", `\./old/er`},
		{"removed importer", "rm -r old b; echo >>a/a.go", `\./a \./c`},
	} {
		t.Log(save.name)
		j.sh(save.script)
		j.ran(save.names)
	}
	j.quit()
}

// However the watch ends, the shell has its terminal as it was.
func TestWatchEnds(t *testing.T) {
	for _, end := range []struct {
		name   string
		status string
		end    func(j *job)
	}{
		{"q", "0", func(j *job) { j.Type("q") }},
		{"Ctrl-C", "130", func(j *job) { j.Type(ptytest.CtrlC) }},
		{"SIGTERM", "143", func(j *job) { j.Signal(j.One(watch), unix.SIGTERM) }},
		{"SIGHUP", "129", func(j *job) { j.Signal(j.One(watch), unix.SIGHUP) }},
		{"SIGKILL", "137", func(j *job) { j.Signal(j.One(watch), unix.SIGKILL) }},
		{"crash", "134", func(j *job) { j.Signal(j.One(watch), unix.SIGABRT) }},
		{"keeper killed", "143", func(j *job) {
			j.Signal(j.One("__keeper"), unix.SIGKILL)
			j.Until("the terminal to be as it was", j.Echoes)
			j.Signal(j.One(watch), unix.SIGTERM)
		}},
		{"Ctrl-Z and fg", "0", func(j *job) {
			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			j.CheckTerminal()
			j.Enter("fg")
			j.keys()
			j.Type("q")
		}},
	} {
		for _, running := range []bool{false, true} {
			name := end.name
			if running {
				name += " during a run"
			}
			t.Run(name, func(t *testing.T) {
				j := startWatch(t, "bash", "", "").keys()
				if running {
					j.write("slow/s_test.go", watched["slow/s_test.go"]+"\n")
					j.awaitTests("slow")
				}
				end.end(j)
				if running && end.name == "Ctrl-C" {
					j.Expect("DONE")
					j.Type("l") // answered once the run has ended
					j.Expect("Watching")
					j.Type(ptytest.CtrlC)
				}
				j.AwaitPrompt()
				j.checkStatuses(end.status)
				j.CheckTerminal()
				j.checkEnd()
			})
		}
	}
}

const watch = `pgtest --watch`

// Ctrl-C ends the watch and not the reader of its output.
func TestWatchTee(t *testing.T) {
	for _, shell := range ptytest.Shells {
		t.Run(shell, func(t *testing.T) {
			j := startWatch(t, shell, "", "2>&1 | tee ../log").keys()
			j.write("d/d.go", watched["d/d.go"]+"\n")
			j.ran(`\./d`)
			j.Type(ptytest.CtrlC)
			j.AwaitPrompt()
			j.checkStatuses("130 0")
			if log := j.read("log"); !strings.Contains(log, "PASS d.TestD") {
				t.Errorf("log %s", log)
			}
			j.CheckTerminal()
		})
	}
}

// Without a terminal for its input it has no keys.
func TestWatchWithoutKeys(t *testing.T) {
	j := startWatch(t, "bash", "", "</dev/null")
	j.write("d/d.go", watched["d/d.go"]+"\n")
	j.ran(`\./d`)
	if keepers := j.Find("__keeper"); len(keepers) > 0 {
		t.Errorf("keepers %v", keepers)
	}
	j.Type(ptytest.CtrlC)
	j.AwaitPrompt()
	j.checkStatuses("130")
}

// vets stands in for the go command: its vet makes a work directory, and does not end.
const vets = `#!/bin/sh
test "$1" = vet || exec "$GO" "$@"
mktemp -d "${GOTMPDIR:-$TMPDIR}/go-build-XXXXXX" >/dev/null
touch "$READY/vet"
sleep 1000 # as a tool that go starts
`

// withVet returns a directory for PATH, whose go has vets.
func withVet(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := strings.Replace(vets, "$GO", path, 1)
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// awaitVet waits until go vet has files.
func (j *job) awaitVet() {
	j.t.Helper()
	ready := filepath.Join(j.dir, "ready", "vet")
	j.Until("go vet to run", func() bool {
		return os.Remove(ready) == nil
	})
}

// A go vet that is in the way leaves nothing, though go does not remove its files when
// it is interrupted.
func TestWatchVetDropped(t *testing.T) {
	j := startWatch(t, "bash", "", "", withVet(t)).keys()
	j.write("b/b.go", watched["b/b.go"]+"\n")
	j.ran(`\./b`)
	j.awaitVet()
	j.Type("r")
	j.ran(`\./b`)
	j.awaitVet()
	if dirs, err := filepath.Glob(filepath.Join(j.dir, "tmp", "*")); err != nil || len(dirs) != 1 {
		t.Errorf("%v: besides those of the last go vet there are files: %q", err, dirs)
	}
	j.One("sleep 1000") // nor are there processes
	j.quit()
	j.Gone("sleep 1000|__watchdog")
	j.checkFilesGone()
}

// When the watch is killed, what go vet has made goes, too.
func TestWatchVetKilled(t *testing.T) {
	j := startWatch(t, "bash", "", "", withVet(t)).keys()
	j.write("b/b.go", watched["b/b.go"]+"\n")
	j.ran(`\./b`)
	j.awaitVet()
	j.Signal(j.One(" --watch "), unix.SIGKILL)
	j.AwaitPrompt()
	j.Gone("sleep 1000|__watchdog")
	j.checkFilesGone()
}
