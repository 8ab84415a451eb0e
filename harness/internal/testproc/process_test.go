//go:build unix

package testproc

import (
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/internal/proc"
)

// A process has one family, which reaps what it adopts.
var family = proc.NewFamily()

// TestLateCancel has a process die of a signal before its owner hears of the
// signal. It was interrupted all the same, unless nobody asked.
func TestLateCancel(t *testing.T) {
	t.Parallel()
	p := New(family, []string{"sh", "-c", "kill -TERM $$"}, nil)
	state := p.Run(io.Discard, io.Discard, func() {
		pid := p.PID()
		go func() {
			for syscall.Kill(pid, 0) == nil {
				time.Sleep(time.Millisecond)
			}
			p.Cancel(syscall.SIGTERM)
		}()
	})
	if !state.Interrupted || state.Status.Signal() != syscall.SIGTERM {
		t.Errorf("%+v", state)
	}
	alone := New(family, []string{"sh", "-c", "kill -TERM $$"}, nil)
	if state := alone.Run(io.Discard, io.Discard, func() {}); state.Interrupted {
		t.Errorf("nobody asked, but %+v", state)
	}
}

// TestTerminate ends a process that does not heed SIGTERM.
func TestTerminate(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := New(family, []string{"sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.01; done"}, nil)
	ready := make(chan struct{})
	state := make(chan State)
	go func() { state <- p.Run(&watched{&out, ready}, io.Discard, func() {}) }()
	<-ready
	p.Terminate()
	if s := <-state; !s.Interrupted || s.Status.Signal() != syscall.SIGKILL || !strings.Contains(out.String(), "asked") {
		t.Errorf("%+v after %q", s, out.String())
	}
}

// watched closes a channel at the first output.
type watched struct {
	io.Writer
	first chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	select {
	case <-w.first:
	default:
		close(w.first)
	}
	return w.Writer.Write(b)
}

func TestFilter(t *testing.T) {
	for args, want := range map[string]string{
		"-test.run=A -test.short":               "-test.short",
		"--test.run=A -own value -test.run=B x": "-own value x",
		"-own=value word -test.run=B":           "-own=value word -test.run=B",
		"-test.short -- -test.run=A":            "-test.short -- -test.run=A",
		"-test.run A -test.skip B -own -test.v": "-test.skip B -own -test.v",
		"-test.v x -test.run=A":                 "-test.v x -test.run=A",
		"- -test.run=A":                         "- -test.run=A",
		"-own - -test.run=A -test.run":          "-own -",
	} {
		got := Filter(strings.Fields(args), func(name, _ string) bool { return name != "run" })
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q", args, got)
		}
	}
}
