package supervisor

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"pgtest/harness/control"
)

// A tree is the test binary, its root, and everything that the binary starts,
// directly or not. A descendant that left the root's process group has escaped.
// Until reap the root is not waited for, so that its id stays taken, also when it
// is dead.
//
// Usually the root leads the group, whose members then all belong to the tree and
// are signalled at once. Where tests have the terminal the group is that of the
// job, with a tee or a make in it: then a process belongs to the tree only as a
// descendant, and each is signalled by itself.
type tree struct {
	root    int
	group   int           // of the root
	leads   bool          // the root leads the group
	exited  chan struct{} // closed at the root's end
	reaping sync.Mutex    // held while a child is reaped, or signalled by its id
}

// newTree returns the tree of a started root.
func newTree(pid int, leads bool) *tree {
	t := &tree{root: pid, group: pid, leads: leads, exited: make(chan struct{})}
	if !leads {
		t.group = unix.Getpgrp()
	}
	return t
}

// A process is a living descendant.
type process struct {
	pid, pgid int
	started   uint64 // tells two processes with the same id apart; 0 is unknown
}

// endLeftovers ends what the root left behind, and returns the processes
// that were still there after e.settle and that the test is to blame for. If
// nothing is left, which is the normal case, it asks once and waits for
// nothing.
func (t *tree) endLeftovers(e ending) []control.Leak {
	if t.goneWithin(e.settle) {
		return nil
	}
	var leaks []control.Leak
	if e.blame {
		leaks = t.describe()
	}
	if e.term > 0 {
		t.signal(syscall.SIGTERM)
		if t.goneWithin(e.term) {
			return leaks
		}
		markKilled(leaks, t.left())
	}
	t.killAll()
	return markAlive(leaks, t.undying())
}

// markAlive notes which leaks could not be ended. What was not blamed on the test
// is reported, too, if it goes on.
func markAlive(leaks, undying []control.Leak) []control.Leak {
	for _, u := range undying {
		i := slices.IndexFunc(leaks, func(l control.Leak) bool { return l.PID == u.PID })
		if i < 0 {
			leaks = append(leaks, u)
			continue
		}
		leaks[i].End, leaks[i].Alive = "", u.Alive
	}
	return leaks
}

// undying returns what is left after SIGKILL, as leaks.
func (t *tree) undying() []control.Leak {
	if !t.anyLeft() {
		return nil
	}
	leaks := t.describe()
	for i := range leaks {
		leaks[i].Undying()
	}
	return leaks
}

// describe returns all that is left as leaks, the first of them with their
// command lines. A process that keeps making itself anew may not be there when
// it is looked for, so it looks again.
func (t *tree) describe() []control.Leak {
	left := t.left()
	for tries := 0; len(left) == 0 && tries < 100 && t.anyLeft(); tries++ {
		left = t.left()
	}
	leaks := make([]control.Leak, len(left))
	for i, proc := range left {
		leaks[i] = control.Leak{PID: proc.pid, Escaped: proc.pgid != t.group, End: control.EndedByTerm}
		if i < control.MaxLeaks {
			leaks[i].Command = commandLine(proc.pid)
		}
	}
	return leaks
}

// killAll kills until nothing is left: what forks while it is killed, or
// changes its session, is found by the next pass. A process that the kernel
// does not let die is given up in the end.
func (t *tree) killAll() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		t.kill()
		if t.goneWithin(5*time.Millisecond) || t.refuses() {
			return
		}
	}
}

// refuses says whether something is left, and nothing of it may be signalled by
// this user: a program that has become another by sudo.
func (t *tree) refuses() bool {
	left := t.left()
	for _, proc := range left {
		if control.Refusal(proc.pid) == nil {
			return false
		}
	}
	return len(left) > 0
}

// markKilled notes which leaks are still there, and so need SIGKILL.
func markKilled(leaks []control.Leak, left []process) {
	alive := make(map[int]bool, len(left))
	for _, proc := range left {
		alive[proc.pid] = true
	}
	for i := range leaks {
		if alive[leaks[i].PID] {
			leaks[i].End = control.EndedByKill
		}
	}
}

// goneWithin waits until nothing is left, for d at the most, and says whether
// that is so. There is no event for the end of a grandchild, so it polls.
func (t *tree) goneWithin(d time.Duration) bool {
	end := time.Now().Add(d)
	for pause := 500 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		if !t.anyLeft() {
			return true
		}
		if !time.Now().Add(pause).Before(end) {
			return false
		}
		time.Sleep(pause)
	}
}

// signal sends sig to every process of the tree. One that is gone needs none.
func (t *tree) signal(sig syscall.Signal) {
	t.signalRoot(sig)
	for _, proc := range t.left() {
		if !t.leads || proc.pgid != t.group {
			proc.signal(sig)
		}
	}
}

// signalRoot sends sig to the root, and with it to the group that it leads.
func (t *tree) signalRoot(sig syscall.Signal) {
	if t.leads {
		syscall.Kill(-t.group, sig)
		return
	}
	syscall.Kill(t.root, sig)
}

// reap waits for the root, which must be dead, and for all that died with
// it. It returns the root's status and what all of them used.
func (t *tree) reap() (syscall.WaitStatus, control.Resources) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(t.root, &status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && err != syscall.EINTR {
			break
		}
	}
	var usage unix.Rusage
	unix.Getrusage(unix.RUSAGE_CHILDREN, &usage)
	peak := int64(usage.Maxrss) * rssUnit
	return status, control.Resources{
		User:   time.Duration(usage.Utime.Nano()),
		System: time.Duration(usage.Stime.Nano()),
		MaxRSS: peak,
		AtMost: peak <= handedOn(),
	}
}

// maxCommand bounds a command line in a report, in bytes.
const maxCommand = 200

// printable turns words that end with NUL into one line that a terminal and an
// XML file can show, cut to maxCommand.
func printable(words []byte) string {
	line := strings.TrimRight(string(words), "\x00")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, line)
	if len(line) > maxCommand {
		line = strings.ToValidUTF8(line[:maxCommand], "") + "…"
	}
	return line
}
