package proc

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// rssUnit is the unit of ru_maxrss in bytes.
const rssUnit = 1024

// follow reaps adopted orphans as they die, so that a test that leaves
// thousands of them does not fill the process table, until the root is dead.
// The root it leaves unreaped.
func (t *Tree) follow() {
	defer close(t.exited)
	for {
		dead, err := lookDead(true)
		if err != nil || dead.PID == t.root {
			return
		}
		t.reaping.Lock()
		syscall.Wait4(dead.PID, nil, 0, nil)
		t.reaping.Unlock()
	}
}

// Any reports whether any child is alive. After the root's death that includes
// all descendants, because the orphans among them were adopted before the
// root's death could be seen.
func (t *Tree) Any() bool {
	if !adopts {
		return len(t.List()) > 0
	}
	return AnyChild()
}

// List returns the living descendants and members of the group that the root
// leads, the root excepted.
func (t *Tree) List() []Process {
	alive := procfs.Find(procfs.Stat.Alive)
	stats := make(map[int]procfs.Stat, len(alive))
	for _, s := range alive {
		stats[s.PID] = s
	}
	self := os.Getpid()
	descends := func(s procfs.Stat) bool {
		for ok, hops := true, 0; ok && hops < len(stats); hops++ {
			if s.Parent == self {
				return true
			}
			s, ok = stats[s.Parent]
		}
		return false
	}
	var left []Process
	for _, s := range alive {
		if s.PID != t.root && (t.leads && s.Group == t.group || descends(s)) {
			left = append(left, Process{s.PID, s.Group, s.Started})
		}
	}
	return left
}

// Kill sends SIGKILL to the group that the root leads and to every group that a
// descendant escaped to, the newest processes first: a daemon that keeps making
// itself anew must not win the race. A group's members can't fork while it is
// killed.
//
// Only children of this process are looked at: they can't be reaped by anyone
// else, so their ids are safe. What they leave behind is adopted, and so found
// by the next call.
func (t *Tree) Kill() {
	t.signalRoot(syscall.SIGKILL)
	for _, pid := range slices.Backward(procfs.PIDs()) {
		t.killChild(pid)
	}
}

// killChild kills a process and its group, if it is a child that is not reaped
// meanwhile. All members of a group descend from this process if their session
// was made by it or by a descendant. It may be another's session if this
// process did not make one.
func (t *Tree) killChild(pid int) {
	t.reaping.Lock()
	defer t.reaping.Unlock()
	self := os.Getpid()
	s := procfs.StatOf(pid)
	if !s.Alive() || s.Parent != self || pid == t.root {
		return
	}
	session, err := unix.Getsid(0)
	if err == nil && (session == self || s.Session != session) && s.Group != unix.Getpgrp() && s.Group > 1 {
		syscall.Kill(-s.Group, syscall.SIGKILL)
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// signal sends sig to the process and to no other that got its id meanwhile.
func (p Process) signal(sig syscall.Signal) {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if procfs.StatOf(p.PID).Started == p.started {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// handedOn returns the peak memory that a child has from this process, in
// bytes: it shares the memory until it becomes another program, and the kernel
// counts that as its own.
func handedOn() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// OpenOutput opens the pipe that is standard output for reading, or returns nil
// if standard output is no pipe. While the file is open, a process that writes
// to the pipe does not get SIGPIPE when the pipe's reader dies.
func OpenOutput() *os.File {
	info, err := os.Stdout.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return nil
	}
	f, err := os.OpenFile("/proc/self/fd/1", os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	return f
}
