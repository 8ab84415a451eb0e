package signals

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// parentOf returns the id of a process's parent, or 0 if it is not known.
func parentOf(pid int) int { return procfs.StatOf(pid).Parent }

// otherMembers returns the members of this process's group but this process.
func otherMembers() []procfs.Stat {
	self, group := os.Getpid(), unix.Getpgrp()
	return procfs.Find(func(s procfs.Stat) bool { return s.PID != self && s.Group == group })
}

// readers returns the members of this process group that read what this process
// writes to its standard output and error, directly or from one another: tee
// and grep of `pgtest | tee log | grep FAIL`.
func readers() []int {
	type member struct {
		pid          int
		in, out, err string
	}
	link := func(pid, fd string) string {
		target, _ := os.Readlink("/proc/" + pid + "/fd/" + fd)
		return target
	}
	var members []member
	for _, other := range otherMembers() {
		name := strconv.Itoa(other.PID)
		members = append(members, member{other.PID, link(name, "0"), link(name, "1"), link(name, "2")})
	}
	written := map[string]bool{link("self", "1"): true, link("self", "2"): true}
	var pids []int
	for found := true; found; {
		found = false
		members = slices.DeleteFunc(members, func(m member) bool {
			reads := written[m.in] && strings.HasPrefix(m.in, "pipe:")
			if reads {
				pids = append(pids, m.pid)
				written[m.out], written[m.err] = true, true
				found = true
			}
			return reads
		})
	}
	return pids
}

// awaitEnd waits until all of pids have ended and were reaped. It gives up
// after limit, or after a third of it if only the reaping is missing. Stopped
// processes are not waited for.
//
// A bash that gets SIGINT checks of each child that it reaps afterwards whether
// SIGINT ended the child, and goes on with its script if not. The readers did
// not get the signal, so bash has to reap them before it gets its own.
func awaitEnd(pids []int, limit time.Duration) {
	group, start := unix.Getpgrp(), time.Now()
	for {
		alive, dead := false, false
		for _, pid := range pids {
			switch s := procfs.StatOf(pid); {
			case s.Group != group:
			case s.State == 'Z':
				dead = true
			case s.State != 'T':
				alive = true
			}
		}
		took := time.Since(start)
		if !alive && !dead || took > limit || !alive && took > limit/3 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// awaitDelivery waits until a process has taken a signal that it was sent. It
// returns early if the process is stopped, and after limit at the latest: the
// process may block the signal.
//
// A make whose child ends between the arrival of SIGINT and its handler reaps
// the child and then has its handler wait for it: "wait: No child processes".
func awaitDelivery(pid int, sig syscall.Signal, limit time.Duration) {
	for start := time.Now(); time.Since(start) < limit; time.Sleep(time.Millisecond) {
		if !pending(pid, sig) || procfs.StatOf(pid).State == 'T' {
			return
		}
	}
}

// pending reports whether a process has yet to take a signal.
func pending(pid int, sig syscall.Signal) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	for line := range bytes.Lines(status) {
		hex, found := bytes.CutPrefix(line, []byte("ShdPnd:"))
		if !found {
			continue
		}
		set, err := strconv.ParseUint(string(bytes.TrimSpace(hex)), 16, 64)
		return err == nil && set&(1<<(sig-1)) != 0
	}
	return false
}

// stopOthers waits until all other members of this process's group have
// stopped, or enough returns true. After each limit it sends SIGTSTP to those
// that have not, maxStops times, and returns after the last.
func stopOthers(limit time.Duration, enough func() bool) {
	sent := 0
	for start := time.Now(); !enough(); time.Sleep(time.Millisecond) {
		awake := slices.DeleteFunc(otherMembers(), func(s procfs.Stat) bool { return s.State == 'T' || !s.Alive() })
		if len(awake) == 0 {
			return
		}
		if time.Since(start) > limit {
			for _, s := range awake {
				signalIf(s.PID, unix.SIGTSTP, isMember)
			}
			if sent++; sent == maxStops {
				return
			}
			start = time.Now()
		}
	}
}

// maxStops is how often a member is asked to stop. One whose handler has still to
// run takes two signals for one.
const maxStops = 3

// isMember reports whether a process is in this process's group.
func isMember(pid int) bool { return procfs.StatOf(pid).Group == unix.Getpgrp() }

// children returns the children of this process.
func children() []int { return procfs.Children() }

// continueChildren sends SIGCONT to the stopped children of this process,
// except those in inherited.
func continueChildren(inherited []int) {
	for _, pid := range children() {
		if !slices.Contains(inherited, pid) {
			signalIf(pid, unix.SIGCONT, isStoppedChild)
		}
	}
}

// isStoppedChild reports whether a process is a stopped child of this one.
func isStoppedChild(pid int) bool {
	s := procfs.StatOf(pid)
	return s.State == 'T' && s.Parent == os.Getpid()
}
