//go:build unix

package isolate

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// environment is the variable that marks a process as a child. The child
// removes it before code outside of this package can see it.
const environment = "_PGTEST_ISOLATED_TEST"

// raceVariable holds options of the race detector. By default a process with
// the detector sleeps for a second before it exits, for the sake of goroutines
// that still run. Children skip that unless the user asks for it.
const (
	raceVariable = "GORACE"
	noRaceSleep  = "atexit_sleep_ms=0"
)

// The descriptors that a child finds open.
const (
	reportsFd    = 3 // the pipe for its reports
	assignmentFd = 4 // the pipe that holds its assignment
)

// A call is the Nth call, from 0, of Run or Try in a test.
type call struct {
	Test string
	N    int
}

// An assignment is what a parent sends its child to run.
type assignment struct {
	Calls   []call        // the calls to run in place, outermost first; the last one is the target
	Mark    string        // a line that the child prints where the target begins
	Verbose string        // the parent's -test.v
	Grace   time.Duration // how long before its deadline a process ends its children
	Race    string        // the user's GORACE, "" if not set
	Earlier []earlier     // calls that have ended: the code after them may depend on their results
}

// An earlier is a call that has ended, with its result.
type earlier struct {
	Call   call
	Result Result
}

func (a *assignment) target() call { return a.Calls[len(a.Calls)-1] }

// The state of this process as it was started. A child is started the same way.
var (
	assigned  *assignment // nil if this process is no child
	reports   *os.File    // a child's pipe to its parent
	startDir  string
	startEnv  []string
	startArgs []string
	ownStdout = os.Stdout // a test may replace the variable
)

func init() {
	if _, ok := os.LookupEnv(environment); ok {
		os.Unsetenv(environment)
		takeAssignment()
	}
	startDir, _ = os.Getwd()
	startEnv = os.Environ()
	if len(os.Args) > 0 {
		startArgs = append(startArgs, os.Args[1:]...)
	}
}

// takeAssignment reads this child's assignment. Programs that the test starts
// must not inherit the descriptors, and a test may expect its own at the low
// numbers, so they are closed or moved.
func takeAssignment() {
	syscall.CloseOnExec(assignmentFd)
	pipe := os.NewFile(assignmentFd, "assignment")
	data, err := io.ReadAll(pipe)
	pipe.Close()
	a := new(assignment)
	if err != nil || json.Unmarshal(data, a) != nil || len(a.Calls) == 0 {
		return
	}
	fd, err := unix.FcntlInt(reportsFd, unix.F_DUPFD_CLOEXEC, 10)
	syscall.Close(reportsFd)
	if err != nil {
		return
	}
	os.Unsetenv(raceVariable)
	if a.Race != "" {
		os.Setenv(raceVariable, a.Race)
	}
	assigned, reports = a, os.NewFile(uintptr(fd), "reports")
}

// calls counts the calls that each running test has made.
var calls sync.Map // map[*testing.T]*int

// nextCall returns the call that the test is about to make. A test makes its
// calls one after the other.
func nextCall(t *testing.T) call {
	n, loaded := calls.LoadOrStore(t, new(int))
	c := call{Test: t.Name(), N: *n.(*int)}
	*n.(*int)++
	if !loaded {
		t.Cleanup(func() {
			calls.Delete(t)
			forget(c.Test)
		})
	}
	return c
}

// results holds the results of the calls of the tests that are running.
var results sync.Map // map[call]Result

func forget(test string) {
	results.Range(func(c, _ any) bool {
		if c.(call).Test == test {
			results.Delete(c)
		}
		return true
	})
}

// earlierResults returns the results that a child needs on its way to the call
// c: those of the same test and of the tests around it.
func earlierResults(c call) []earlier {
	var list []earlier
	if assigned != nil {
		list = append(list, assigned.Earlier...)
	}
	results.Range(func(key, r any) bool {
		if e := key.(call); e.Test == c.Test || isBelow(c.Test, e.Test) {
			list = append(list, earlier{e, r.(Result)})
		}
		return true
	})
	return list
}

// earlierResult returns the result of a call that this child doesn't make. A
// call after the target, in a test around it, has no result yet; nothing
// depends on that test's outcome.
func earlierResult(c call) Result {
	for _, e := range assigned.Earlier {
		if e.Call == c {
			return e.Result
		}
	}
	return Result{Returned: true}
}

// A place is what a call means to this process.
type place int

const (
	outside   place = iota // this process is the parent of the call: start a child
	around                 // in a child: the call holds the target; run its function in place
	target                 // in a child: the function to run
	elsewhere              // in a child: another process has run it, or will
)

// How far a child has come.
var targetBegun, targetEnded atomic.Bool

func placeOf(c call) place {
	if assigned == nil {
		return outside
	}
	switch i := slices.Index(assigned.Calls, c); {
	case i == len(assigned.Calls)-1:
		return target
	case i >= 0:
		return around
	case targetBegun.Load() && !targetEnded.Load():
		return outside
	}
	return elsewhere
}

// leadsToTarget reports whether this is a child and the test is its target, or
// a test around the target.
func leadsToTarget(test string) bool {
	if assigned == nil || targetEnded.Load() {
		return false
	}
	name := assigned.target().Test
	return test == name || isBelow(name, test)
}

// isBelow reports whether the test called name is a subtest, at any depth, of
// the test called parent.
func isBelow(name, parent string) bool {
	return strings.HasPrefix(name, parent+"/")
}
