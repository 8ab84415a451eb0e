//go:build unix

package proc

import (
	"slices"
	"syscall"
	"time"
)

// A Left is a set of processes that another has left behind.
type Left interface {
	// Any reports whether any of them is alive. It is called often.
	Any() bool
	// List returns the living ones, by process id.
	List() []Process
	// Signal sends a signal to all of them.
	Signal(syscall.Signal)
	// Kill sends SIGKILL to all of them. A process that is forked meanwhile may
	// survive, and is found by another call.
	Kill()
}

// A Process is a living process of a Left.
type Process struct {
	PID, Group int
	started    uint64 // tells two processes with the same id apart; 0 is unknown
}

// A Group is the process group of a child that has ended and is not reaped.
// Where this process adopts orphans, the remaining members are its children.
type Group int

// Signal sends a signal to the members, which can't fork meanwhile.
func (g Group) Signal(sig syscall.Signal) { syscall.Kill(-int(g), sig) }

// Kill sends SIGKILL to the members.
func (g Group) Kill() { g.Signal(syscall.SIGKILL) }

// A Policy says how a Left is ended.
type Policy struct {
	// Settle is how long the processes may take to end by themselves.
	Settle time.Duration
	// Term is the time between SIGTERM and SIGKILL; with 0 no SIGTERM is sent.
	Term time.Duration
	// Describe makes End return what was still alive after Settle. Without it
	// End returns only what can't be ended.
	Describe bool
}

// AfterTest is the policy for what tests leave behind. Settle keeps a child
// that is just dying from counting as a leftover.
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
	// Alive is the reason why the process still runs, or "".
	Alive string
}

// QuitGrace is the time between a signal that asks a process to end, as SIGQUIT
// on which a Go program shows its goroutines, and SIGKILL.
const QuitGrace = 5 * time.Second

const (
	// killLimit is how long SIGKILL may take. A process that waits for a disk
	// dies only when that is done.
	killLimit = 5 * time.Second
	killPause = 5 * time.Millisecond
)

// End ends what is left. It returns the processes that were alive after
// p.Settle, if p.Describe is set, and in any case those that can't be ended. If
// nothing is left, which is the normal case, it checks once and does not wait.
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

// describe returns what is left, the first of it with command lines. It looks
// again if it finds nothing, because a process that keeps forking and exiting
// may escape a single look.
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

// killAll kills until nothing is left. A process that was forked meanwhile, or
// changed its session, is found by the next pass. killAll gives up after
// killLimit, and at once on processes that this user may not signal, such as a
// program that sudo runs as another user.
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

// refuses reports whether this user may not signal a process. It sends no
// signal.
func refuses(p Process) bool { return syscall.Kill(p.PID, 0) == syscall.EPERM }

// GoneWithin waits until any returns false, at most for limit, and reports
// whether it did. It polls, because no event announces the end of a grandchild.
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
