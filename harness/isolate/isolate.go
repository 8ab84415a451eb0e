//go:build unix

// Package isolate runs a test in a process of its own: what the test does to
// globals, to the environment, to signal handlers, or to its own life, ends
// with it. It needs nothing but "go test".
//
//	func TestReload(t *testing.T) {
//		isolate.Run(t, func(t *testing.T) {
//			syscall.Kill(0, syscall.SIGHUP) // reaches this test's process group, and nobody else
//		})
//	}
//
// # What runs where
//
// Run starts the test binary again for this one test, with the directory,
// environment and flags that the binary itself was started with. The new
// process, the child, reaches Run in the usual way: through package
// initialization, TestMain, and the code of the test, and of the tests around
// it, up to Run. There it calls the function, once, and ends the test. So
//
//   - the function runs in the child only;
//   - the code before Run, TestMain included, runs in the parent and in the
//     child;
//   - the code after Run runs in the parent only. Of the tests around a subtest
//     that calls Run, the rest runs in both, as it does with go test -run
//     TestA/sub; only the subtest's own result counts.
//
// What the child prints or reports as a failure before the function begins, or
// after its test has ended, is shown only if the child never begins the
// function or ends badly.
//
// # The child
//
// The child leads a process group of its own, so that it can signal its group.
// When the child has ended, Run ends whatever is left in the group: SIGTERM,
// then SIGKILL. On Linux the child dies when the parent does. Its standard
// input is empty, and it is in the background of the terminal.
//
// The function gets the child's own [testing.T], on which every method works;
// t.Deadline is a little earlier than the parent's. The child's log, standard
// output and standard error come back while it runs and in the order in which
// they were written, subtests as subtests of the parent's test. Two things can
// be seen from within: in cleanup functions of a test that passed, t.Skipped
// reports true, because skipping is the only way to end a test early that isn't
// a failure; and TestMain and the code before Run find testing.Verbose true in
// the child.
//
// # Flags
//
// With -test.timeout the child gets SIGQUIT, and so shows its goroutines,
// shortly before the parent's time is up, and SIGKILL if it does not end then.
// The parent reports the test as failed, and goes on. Coverage is counted if
// the parent has a -test.gocoverdir, as it does under "go test". The files and
// environment variables that the child reads count for go test's cached
// results. Profiles (-test.cpuprofile and the like) cover the parent only.
package isolate

import (
	"strings"
	"syscall"
	"testing"

	"pgtest/harness/internal/testtext"
)

// Run runs f in a new process and waits until that process, its parallel
// subtests, and its process group have ended. It must be called from the
// goroutine that runs the test t.
//
// The outcome of f becomes that of t. If f failed and returned, t is marked as
// failed and Run returns false, like [testing.T.Run]. If f stopped itself, by
// t.FailNow, t.Fatal, t.SkipNow or t.Skip, so does t, and Run doesn't return.
// If f's process ended before f did, by a panic, os.Exit or a signal, or ran
// into -test.timeout, t fails with a message that says so, and Run doesn't
// return.
//
// Run may be called in subtests, in parallel tests, more than once in a test,
// and within a function that Run runs. It can't be called while fuzzing, nor
// with the inputs of a fuzz target.
func Run(t *testing.T, f func(t *testing.T)) bool {
	t.Helper()
	c := nextCall(t)
	if isElsewhere(t, c, f) {
		return !earlierResult(c).Failed
	}
	m := &mirror{t: t, name: t.Name()}
	end, err := runChild(t, c, m)
	m.close()
	if err != nil {
		t.Fatalf("isolate: %v", err)
	}
	if why := end.failure(); why != "" {
		t.Fatalf("isolate: %s", why)
	}
	results.Store(c, Result{Failed: end.failed})
	switch {
	case end.failed && !end.returned:
		t.FailNow()
	case end.failed:
		t.Fail()
	case end.skipped:
		t.SkipNow()
	}
	return !end.failed
}

// Parallel calls t.Parallel in the parent and does nothing in the child. Called
// before Run, in place of t.Parallel, it runs the test in parallel with others
// and still lets the function use t.Setenv and t.Chdir.
func Parallel(t *testing.T) {
	if !leadsToTarget(t.Name()) {
		t.Parallel()
	}
}

// A Result is how the process that [Try] started ended.
type Result struct {
	// Returned reports whether the function ended, by returning or by t.FailNow
	// or t.SkipNow.
	Returned bool
	// Failed and Skipped are the outcome of the function's test. A function
	// that didn't return has failed.
	Failed, Skipped bool
	// ExitCode is the exit status of the process: 0, 1 if the test failed, 2
	// after a panic, or the argument of os.Exit. It is -1 if a signal ended the
	// process.
	ExitCode int
	// Signal is the signal that ended the process, or 0. A signal on which the
	// Go runtime prints the goroutines and exits, such as SIGQUIT or SIGSEGV,
	// counts.
	Signal syscall.Signal
	// Output is all that the function logged and wrote to standard output and
	// standard error, in order, with the message and the stack of a panic.
	Output string
}

// Try is Run for functions that are expected to fail, exit or crash. It returns
// how the process of f ended, with its output, and shows neither. t fails only
// if the process can't be started, doesn't reach f, or runs into -test.timeout;
// then Try doesn't return.
func Try(t *testing.T, f func(t *testing.T)) Result {
	t.Helper()
	c := nextCall(t)
	if isElsewhere(t, c, f) {
		return earlierResult(c)
	}
	var out collector
	end, err := runChild(t, c, &out)
	if err != nil {
		t.Fatalf("isolate: %v", err)
	}
	if end.timedOut || !end.began {
		t.Fatalf("isolate: %s\n%s", end.failure(), out.String())
	}
	r := Result{
		Returned: end.came(),
		Failed:   end.failed || !end.came(),
		Skipped:  end.skipped,
		ExitCode: end.status.ExitStatus(),
		Signal:   end.signal(),
		Output:   out.String(),
	}
	if r.Signal != 0 {
		r.ExitCode = -1
	}
	results.Store(c, r)
	return r
}

// A collector is a sink that keeps everything as text.
type collector struct{ strings.Builder }

func (c *collector) raw(b []byte)                    { c.Write(b) }
func (c *collector) log(_ string, b []byte)          { c.Write(b) }
func (c *collector) crash(b []byte)                  { c.Write(b) }
func (c *collector) run(string)                      {}
func (c *collector) report(string, testtext.Verdict) {}
func (c *collector) attr(name, key, v string)        {}
func (c *collector) artifacts(string, string)        {}
