//go:build darwin || freebsd || linux

package proc

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fake is what is left: processes by what ends them. 0 is by themselves, when
// they have been seen once.
type fake struct {
	left map[int]syscall.Signal
	seen bool
	got  []string
}

func (f *fake) Any() bool {
	if f.seen {
		f.end(0)
	}
	f.seen = true
	return len(f.left) > 0
}

func (f *fake) List() []Process {
	var list []Process
	for pid := range f.left {
		list = append(list, Process{PID: pid})
	}
	slices.SortFunc(list, func(a, b Process) int { return a.PID - b.PID })
	return list
}

func (f *fake) Signal(sig syscall.Signal) {
	f.got = append(f.got, sig.String())
	f.end(sig)
}

func (f *fake) Kill() { f.Signal(syscall.SIGKILL) }

func (f *fake) end(by syscall.Signal) {
	for pid, sig := range f.left {
		if sig == by {
			delete(f.left, pid)
		}
	}
}

func TestPolicy(t *testing.T) {
	const a, b = 1 << 29, 1<<29 + 1 // no process has such an id
	const term, kill = syscall.SIGTERM, syscall.SIGKILL
	gentle := Policy{Settle: time.Millisecond, Term: time.Millisecond, Describe: true}
	for _, tt := range []struct {
		name   string
		policy Policy
		left   map[int]syscall.Signal
		got    string
		want   []Leftover
	}{
		{"nothing", gentle, nil, "", nil},
		{"ends by itself", gentle, map[int]syscall.Signal{a: 0}, "", nil},
		{"ends on SIGTERM", gentle, map[int]syscall.Signal{a: term}, "terminated", []Leftover{{Process: Process{PID: a}}}},
		{"both", gentle, map[int]syscall.Signal{a: kill, b: term}, "terminated killed",
			[]Leftover{{Process: Process{PID: a}, Killed: true}, {Process: Process{PID: b}}}},
		{"at once", Policy{}, map[int]syscall.Signal{a: kill}, "killed", nil},
		{"not described", Policy{Term: time.Millisecond}, map[int]syscall.Signal{a: kill}, "terminated killed", nil},
	} {
		f := &fake{left: tt.left}
		got := tt.policy.End(f)
		if signals := strings.Join(f.got, " "); signals != tt.got || !slices.Equal(got, tt.want) {
			t.Errorf("%s: signals %q, leftovers %+v; want %q, %+v", tt.name, signals, got, tt.got, tt.want)
		}
	}
}

// TestGroup ends what a dead leader has left in its group.
func TestGroup(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		killed       bool
	}{
		{"SIGTERM", "sleep 3600", false},
		{"SIGKILL", `trap "" TERM; echo; sleep 3600`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			runtime.LockOSThread() // the child's parent is the thread
			defer runtime.UnlockOSThread()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.Command("sh", "-c", "("+tt.script+`) & echo; exit 3`)
			cmd.Stdout = w
			cmd.SysProcAttr = Attr(syscall.SIGKILL)
			cmd.SysProcAttr.Setpgid = true
			err = cmd.Start()
			w.Close()
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(r)
			for range strings.Count("echo; "+tt.script, "echo") { // until the trap is set
				if _, err := lines.ReadString('\n'); err != nil {
					t.Error(err)
				}
			}
			if err := AwaitExit(cmd.Process.Pid); err != nil {
				t.Error(err)
			}
			group := Group(cmd.Process.Pid)
			policy := Policy{Term: time.Minute, Describe: true}
			if tt.killed {
				policy.Term = time.Millisecond
			}
			left := policy.End(group)
			if len(left) == 0 || left[0].Group != int(group) || left[0].Killed != tt.killed || left[0].Command == "" {
				t.Errorf("left %+v", left)
			}
			if group.Any() || len(group.List()) > 0 {
				t.Errorf("still there: %+v", group.List())
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
				t.Errorf("%v, want exit status 3", err)
			}
		})
	}
}

func TestWhileBusy(t *testing.T) {
	for _, tt := range []struct{ errs []error }{
		{[]error{nil}},
		{[]error{syscall.ENOENT}},
		{[]error{&os.PathError{Err: syscall.ETXTBSY}, syscall.ETXTBSY, nil}},
		{[]error{syscall.ETXTBSY, syscall.EACCES}},
	} {
		rest := tt.errs
		err := WhileBusy(func() error {
			err := rest[0]
			rest = rest[1:]
			return err
		})
		if len(rest) > 0 || err != tt.errs[len(tt.errs)-1] {
			t.Errorf("%v: %v, and %d left", tt.errs, err, len(rest))
		}
	}
}

func TestPrintable(t *testing.T) {
	long := strings.Repeat("ä", maxCommand)
	for words, want := range map[string]string{
		"":                      "",
		"sleep\x003600\x00":     "sleep 3600",
		"a\x1b[31mb\nc\x00\x00": "a [31mb c",
		"x" + long:              "x" + long[:maxCommand-2] + "…",
	} {
		if got := printable([]byte(words)); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}
