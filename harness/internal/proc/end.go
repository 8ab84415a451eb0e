//go:build unix

package proc

import (
	"slices"
	"syscall"
	"time"
)

// Left is what processes have left behind.
type Left interface {
	// Any says whether anything of it is alive. It is asked often.
	Any() bool
	// List returns what is alive, by process id.
	List() []Process
	// Signal sends a signal to all of it.
	Signal(syscall.Signal)
	// Kill sends SIGKILL to all of it. What it starts meanwhile, another call
	// finds.
	Kill()
}

// A Process is a living process of a Left.
type Process struct {
	PID, Group int
	started    uint64 // tells two processes with the same id apart; 0 is unknown
}

// A Policy says how a Left is ended.
type Policy struct {
	// Settle is how long it may take to end by itself.
	Settle time.Duration
	// Term is the time between SIGTERM and SIGKILL; with 0 there is no SIGTERM.
	Term time.Duration
	// Describe returns what was still there after Settle. Without it only what
	// can't be ended is returned.
	Describe bool
}

// AfterTest is the policy for what tests leave behind. A child that is just
// dying must not be taken for a leftover.
var AfterTest = Policy{Settle: 100 * time.Millisecond, Term: 200 * time.Millisecond, Describe: true}

// MaxDescribed bounds the leftovers whose command line is read.
const MaxDescribed = 20

// A Leftover is a process that was still there when it should have ended.
type Leftover struct {
	Process
	// Command is the command line, "" if the process was gone before it was
	// read, or is not one of the first MaxDescribed.
	Command string
	// Killed says that SIGTERM did not end the process.
	Killed bool
	// Alive says why the process still runs; "" if it doesn't.
	Alive string
}

const (
	// killLimit is how long SIGKILL may take: a process that waits for a disk
	// dies when it is done.
	killLimit = 5 * time.Second
	killPause = 5 * time.Millisecond
)

// End ends what is left, and returns the processes that were there after
// p.Settle, as p.Describe says, and those that can't be ended. If nothing is
// left, which is the normal case, it asks once and waits for nothing.
func (p Policy) End(l Left) []Leftover {
	if GoneWithin(p.Settle, l.Any) {
		return nil
	}
	var found []Leftover
	if p.Describe {
		found = describe(l)
	}
	if p.Term > 0 {
		l.Signal(syscall.SIGTERM)
		if GoneWithin(p.Term, l.Any) {
			return found
		}
		for _, left := range l.List() {
			if i := index(found, left.PID); i >= 0 {
				found[i].Killed = true
			}
		}
	}
	killAll(l)
	if !l.Any() {
		return found
	}
	for _, undying := range describe(l) {
		i := index(found, undying.PID)
		if i < 0 {
			i, found = len(found), append(found, undying)
		}
		found[i].Alive = "it does not end on SIGKILL"
		if refuses(undying.Process) {
			found[i].Alive = syscall.EPERM.Error()
		}
	}
	return found
}

func index(list []Leftover, pid int) int {
	return slices.IndexFunc(list, func(l Leftover) bool { return l.PID == pid })
}

// describe returns what is left, the first of it with command lines. A process
// that keeps making itself anew may not be there when it is looked for, so it
// looks again.
func describe(l Left) []Leftover {
	left := l.List()
	for tries := 0; len(left) == 0 && tries < 100 && l.Any(); tries++ {
		left = l.List()
	}
	found := make([]Leftover, len(left))
	for i, proc := range left {
		found[i].Process = proc
		if i < MaxDescribed {
			found[i].Command = commandLine(proc.PID)
		}
	}
	return found
}

// killAll kills until nothing is left: what forks while it is killed, or
// changes its session, is found by the next pass. It gives up what the kernel
// does not let die, and at once what this user may not signal, such as a
// program that has become another user's by sudo.
func killAll(l Left) {
	for end := time.Now().Add(killLimit); time.Now().Before(end); {
		l.Kill()
		if GoneWithin(killPause, l.Any) {
			return
		}
		left := l.List()
		if len(left) > 0 && !slices.ContainsFunc(left, func(p Process) bool { return !refuses(p) }) {
			return
		}
	}
}

// refuses says whether this user may not signal a process. Nothing is sent.
func refuses(p Process) bool { return syscall.Kill(p.PID, 0) == syscall.EPERM }

// GoneWithin waits until nothing is left, for limit at the most, and says
// whether that is so. No event tells of the end of a grandchild, so it polls.
func GoneWithin(limit time.Duration, any func() bool) bool {
	end := time.Now().Add(limit)
	for pause := 500 * time.Microsecond; any(); pause = min(2*pause, 10*time.Millisecond) {
		rest := time.Until(end)
		if rest <= 0 {
			return false
		}
		time.Sleep(min(pause, rest))
	}
	return true
}
