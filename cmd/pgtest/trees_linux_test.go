package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
	"pgtest/harness/roles"
)

// carefulTest notes every signal that it gets, and cleans up after the first: it
// takes its time, prints, and leaves a file.
const carefulTest = `package p

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestCareful(t *testing.T) {
	got := make(chan os.Signal, 100)
	signal.Notify(got, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	os.WriteFile(filepath.Join(os.Getenv("NOTES"), "ready"), nil, 0o666)
	list := fmt.Sprintln(<-got)
	for end := time.After(time.Second); ; {
		select {
		case sig := <-got:
			list += fmt.Sprintln(sig)
			continue
		case <-end:
		}
		break
	}
	fmt.Println("all tidy")
	os.WriteFile(filepath.Join(os.Getenv("NOTES"), "signals"), []byte(list), 0o666)
}
`

// A treeRun is a pgtest that runs carefulTest.
type treeRun struct {
	t     *testing.T
	cmd   *exec.Cmd
	notes string
	mark  string
	out   syncBuffer
	ended chan error
}

// startTree starts pgtest with words and waits until the test runs.
func startTree(t *testing.T, words ...string) *treeRun {
	t.Helper()
	return startTreeWith(t, nil, words...)
}

// startTreeWith is startTree with more in the environment.
func startTreeWith(t *testing.T, env []string, words ...string) *treeRun {
	t.Helper()
	return startTreeIn(t, carefulModule(t), env, words...)
}

// carefulModule makes a module that holds carefulTest.
func carefulModule(t *testing.T) string {
	return writeModule(t, map[string]string{"p/p_test.go": carefulTest})
}

// startTreeIn is startTreeWith in a module that carefulModule has made.
func startTreeIn(t *testing.T, module string, env []string, words ...string) *treeRun {
	t.Helper()
	r := launchTree(t, module, env, words...)
	r.awaitNote("ready")
	return r
}

// launchTree is startTreeIn for a test that may not start.
func launchTree(t *testing.T, module string, env []string, words ...string) *treeRun {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(module, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := &treeRun{t: t, notes: t.TempDir(), mark: harnesstest.Mark(t.Name()), ended: make(chan error, 1)}
	r.cmd = exec.Command(pgtestPath, append([]string{"-C", module, "-count=1", "./..."}, words...)...)
	r.cmd.Env = append(os.Environ(), r.mark, "NOTES="+r.notes)
	r.cmd.Env = append(r.cmd.Env, env...)
	for _, v := range env {
		if notes, ok := strings.CutPrefix(v, "NOTES="); ok {
			r.notes = notes
		}
	}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// awaitNote waits for a file of the test.
func (r *treeRun) awaitNote(name string) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(r.notes, name)); err == nil {
			return
		}
		if time.Now().After(end) {
			r.cmd.Process.Kill()
			r.t.Fatalf("no file %s\n%s", name, r.out.String())
		}
	}
}

// awaitSupervisor waits for the process that is to start the test.
func (r *treeRun) awaitSupervisor() {
	r.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		for _, p := range harnesstest.Survivors(r.mark) {
			if words := strings.Fields(p.Command); len(words) > 1 && words[0] == pgtestPath && words[1] == "__exec" {
				return
			}
		}
		if time.Now().After(end) {
			r.t.Fatalf("no supervisor\n%s", r.out.String())
		}
	}
}

// pids returns the processes of the run whose command lines match.
func (r *treeRun) pids(match func(command string) bool) []int {
	var pids []int
	for _, p := range harnesstest.Survivors(r.mark) {
		if match(p.Command) {
			pids = append(pids, p.PID)
		}
	}
	if len(pids) == 0 {
		r.t.Fatal("no such process")
	}
	return pids
}

func every(string) bool { return true }

// wait waits for the end of pgtest and of all that it started.
func (r *treeRun) wait() {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.cmd.Process.Kill()
		r.t.Fatalf("pgtest does not end\n%s", r.out.String())
	}
	awaitGone(r.t, r.mark, r.out.String)
}

// got returns the signals that the test got, a line each.
func (r *treeRun) got() string {
	r.t.Helper()
	list, err := os.ReadFile(filepath.Join(r.notes, "signals"))
	if err != nil {
		r.t.Fatalf("the test could not clean up: %v\n%s", err, r.out.String())
	}
	return string(list)
}

// TestSignalOnce sends a signal to parts of a run. Whatever part that is, the test
// gets it once, has the time to clean up, and is heard to its end.
func TestSignalOnce(t *testing.T) {
	sent := map[string]func(*treeRun, syscall.Signal){
		"run":   func(r *treeRun, sig syscall.Signal) { r.cmd.Process.Signal(sig) },
		"group": func(r *treeRun, sig syscall.Signal) { syscall.Kill(-r.cmd.Process.Pid, sig) },
		// The run is hit first, and does not get to act before all others are.
		"tree": func(r *treeRun, sig syscall.Signal) {
			pids := r.pids(every)
			r.cmd.Process.Signal(unix.SIGSTOP)
			for _, pid := range pids {
				syscall.Kill(pid, sig)
			}
			r.cmd.Process.Signal(unix.SIGCONT)
		},
		"tree from its leaves": func(r *treeRun, sig syscall.Signal) {
			pids := r.pids(every)
			for i := len(pids) - 1; i >= 0; i-- {
				syscall.Kill(pids[i], sig)
			}
		},
		"supervisor": func(r *treeRun, sig syscall.Signal) {
			supervisors := r.pids(func(command string) bool {
				return strings.Contains(command, " __exec ") && !strings.Contains(command, "-exec=")
			})
			syscall.Kill(supervisors[0], sig)
		},
	}
	module := carefulModule(t)
	build := exec.Command(pgtestPath, "-C", module, "-run=None", "./...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, send := range sent {
		for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
			for _, isolate := range []string{"package", "test"} {
				t.Run(fmt.Sprintf("%s/%s/%s", name, unix.SignalName(sig), isolate), func(t *testing.T) {
					t.Parallel()
					r := startTreeIn(t, module, nil, "--isolate="+isolate)
					send(r, sig)
					r.wait()
					if got, want := r.got(), fmt.Sprintln(sig); got != want {
						t.Errorf("the test got %q, want %q\n%s", got, want, r.out.String())
					}
					if name == "supervisor" {
						return // nobody asked the run to end
					}
					state := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
					if state.Signal() != sig {
						t.Errorf("pgtest: %v\n%s", r.cmd.ProcessState, r.out.String())
					}
				})
			}
		}
	}
}

// TestGoKilled kills go while its test runs, which gets the grace all the same.
func TestGoKilled(t *testing.T) {
	t.Parallel()
	r := startTree(t)
	isGo := func(command string) bool { return strings.Contains(command, "-exec=") }
	for _, pid := range r.pids(isGo) {
		syscall.Kill(pid, unix.SIGKILL)
	}
	r.wait()
	if got := r.got(); got != "terminated\n" {
		t.Errorf("the test got %q\n%s", got, r.out.String())
	}
	for _, want := range []string{"pgtest: go has died before its tests, which have 10s to end", "pgtest: go test: signal: killed"} {
		if !strings.Contains(r.out.String(), want) {
			t.Errorf("no %q in\n%s", want, r.out.String())
		}
	}
	if code := r.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit status %d", code)
	}
}

// TestSocketPlaces runs where the socket of a run can't be, or not be found, in
// the directory for temporary files as it is named. Signals reach the tests, and
// nothing is left.
func TestSocketPlaces(t *testing.T) {
	for name, env := range map[string][]string{
		"relative TMPDIR":   {"TMPDIR=tmp"},
		"relative GOTMPDIR": {"GOTMPDIR=tmp"},
		"relative both":     {"GOTMPDIR=./tmp", "TMPDIR=tmp/../tmp"},
		"long TMPDIR":       {"TMPDIR=LONG"},
		"long GOTMPDIR":     {"GOTMPDIR=LONG"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			long := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
			if err := os.MkdirAll(long, 0o700); err != nil {
				t.Fatal(err)
			}
			for i := range env {
				env[i] = strings.Replace(env[i], "LONG", long, 1)
			}
			r := startTreeWith(t, env)
			r.cmd.Process.Signal(unix.SIGTERM)
			r.wait()
			if got := r.got(); got != "terminated\n" {
				t.Errorf("the test got %q\n%s", got, r.out.String())
			}
			for _, dir := range []string{long, filepath.Join(r.cmd.Args[2], "tmp")} {
				if left := filesBelow(dir); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
}

// TestRunUnreachable has a supervisor that can't reach its run: the test binary is
// not started where nobody could end it.
func TestRunUnreachable(t *testing.T) {
	cmd := exec.Command(pgtestPath, "__exec", "echo", "unsupervised")
	cmd.Env = append(os.Environ(), roles.Variables[0]+"="+filepath.Join(t.TempDir(), "none"))
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || strings.Count(string(out), "\n") != 1 ||
		!strings.HasPrefix(string(out), "pgtest: the test binary is not started, because the run can't be reached: ") {
		t.Errorf("%v: %s", cmd.ProcessState, out)
	}
}

// TestOutOfDescriptors takes a run's descriptors away while its test starts, and
// gives them back or not. The run ends in any case. A test that nobody could end
// does not start; if the run has descriptors again, it does, and has its signal.
func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	goPath, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	// A go that waits until it is told to go on.
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n: >\"$NOTES\"/go\nwhile ! [ -e \"$NOTES\"/on ]; do sleep 0.01; done\nexec %s \"$@\"\n", goPath)
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, back := range map[string]bool{"for a moment": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grace := "--grace=10ms"
			if back {
				grace = "--grace=10s"
			}
			notes := t.TempDir()
			started := make(chan *treeRun)
			var limit unix.Rlimit
			go func() {
				defer close(started)
				for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if _, err := os.Stat(filepath.Join(notes, "go")); err != nil {
						continue
					}
					for _, p := range harnesstest.Survivors(harnesstest.Mark(t.Name())) {
						// A dying process has no words.
						if words := strings.Fields(p.Command); len(words) > 1 && words[0] == pgtestPath && !strings.HasPrefix(words[1], "__") {
							unix.Prlimit(p.PID, unix.RLIMIT_NOFILE, nil, &limit)
							none := limit
							none.Cur = 3 // with less, poll of what is open fails, too
							unix.Prlimit(p.PID, unix.RLIMIT_NOFILE, &none, nil)
						}
					}
					os.WriteFile(filepath.Join(notes, "on"), nil, 0o666)
					return
				}
			}()
			temp := t.TempDir()
			r := launchTree(t, carefulModule(t), []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "NOTES=" + notes, "TMPDIR=" + temp}, grace)
			<-started
			if limit.Cur == 0 {
				t.Fatal("the run was not found")
			}
			if back {
				r.awaitSupervisor()
				unix.Prlimit(r.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil)
				r.awaitNote("ready")
				// Ask for the test until it is known.
				for end := time.Now().Add(patience); !strings.Contains(r.out.String(), ", pid "); time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("the test is not heard:\n%s", r.out.String())
					}
					r.cmd.Process.Signal(unix.SIGUSR1)
				}
			} else {
				r.awaitSupervisor()
			}
			r.cmd.Process.Signal(unix.SIGTERM)
			r.wait()
			if got, _ := os.ReadFile(filepath.Join(notes, "signals")); back && string(got) != "terminated\n" {
				t.Errorf("the test got %q\n%s", got, r.out.String())
			}
			if left, _ := filepath.Glob(filepath.Join(temp, "pgtest-*")); len(left) > 0 {
				t.Errorf("%s is left", left)
			}
		})
	}
}
