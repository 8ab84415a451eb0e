package supervisor

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

// rootAttr makes the child die when the supervisor does, and with leads the
// leader of a new group.
func rootAttr(leads bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: leads, Pdeathsig: syscall.SIGKILL}
}

// openOutput opens the pipe that standard output is for reading. As long as it is
// open, who writes to the pipe does not die of the death of go. It is nil where
// standard output is something else.
func openOutput() *os.File {
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

// adopts says whether every descendant whose parent dies becomes a child of the
// supervisor. A sandbox may refuse that; then what is left in the group is found
// by a look at /proc, and what has escaped is not.
var adopts bool

func adoptOrphans() { adopts = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil }

// follow reaps adopted orphans as they die, so that a test that leaves
// thousands of them does not fill the process table, until the root is dead.
// The root it leaves unreaped.
func (t *tree) follow() {
	defer close(t.exited)
	for {
		dead, err := procfs.LookDead(true)
		if err != nil || dead.PID == t.root {
			return
		}
		t.reaping.Lock()
		syscall.Wait4(dead.PID, nil, 0, nil)
		t.reaping.Unlock()
	}
}

// anyLeft says whether any child is alive. After the root's death that is
// whether any descendant is: the orphans among them were adopted before the
// root's death could be seen.
//
// A wait for stopped children only is refused with ECHILD if all children are
// dead (wait_consider_task in the kernel's exit.c), so this costs one system
// call and no look at /proc.
func (t *tree) anyLeft() bool {
	if !adopts {
		return len(t.left()) > 0
	}
	err := unix.Waitid(unix.P_ALL, 0, nil, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err != unix.ECHILD
}

// left returns the living descendants and members of the group that the root
// leads, the root excepted, by their ids.
func (t *tree) left() []process {
	stats := make(map[int]procfs.Stat)
	for _, pid := range procfs.PIDs() {
		if s, ok := procfs.ReadStat(pid); ok && !s.Dead {
			stats[pid] = s
		}
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
	var left []process
	for pid, s := range stats {
		if pid != t.root && (t.leads && s.Group == t.group || descends(s)) {
			left = append(left, process{pid, s.Group, s.Started})
		}
	}
	slices.SortFunc(left, func(a, b process) int { return a.pid - b.pid })
	return left
}

// kill sends SIGKILL to the group that the root leads and to every group that a
// descendant escaped to, the newest processes first: a daemon that keeps making
// itself anew must not win the race. A group's members can't fork while it is
// killed.
//
// Only children of the supervisor are looked at: they can't be reaped by
// anyone else, so their ids are safe. What they leave behind is adopted, and
// so found by the next pass.
func (t *tree) kill() {
	t.signalRoot(syscall.SIGKILL)
	for _, pid := range slices.Backward(procfs.PIDs()) {
		t.killChild(pid)
	}
}

// killChild kills a process and its group, if it is a child that is not reaped
// meanwhile. All members of a group descend from the supervisor if their session
// was made by it or by a descendant. It may be another's session if the
// supervisor did not make one.
func (t *tree) killChild(pid int) {
	t.reaping.Lock()
	defer t.reaping.Unlock()
	self := os.Getpid()
	s, ok := procfs.ReadStat(pid)
	if !ok || s.Dead || s.Parent != self || pid == t.root {
		return
	}
	session, err := unix.Getsid(0)
	if err == nil && (session == self || s.Session != session) && s.Group != unix.Getpgrp() && s.Group > 1 {
		syscall.Kill(-s.Group, syscall.SIGKILL)
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// signal sends sig to the process and to no other that got its id meanwhile.
func (p process) signal(sig syscall.Signal) {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if s, ok := procfs.ReadStat(p.pid); ok && s.Started == p.started {
		unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}

// commandLine returns a process' command line, cut to maxCommand.
func commandLine(pid int) string { return printable(procfs.Arguments(pid)) }

// handedOn returns the peak memory that a child has from this process, in bytes:
// it shares the memory until it becomes another program, and the kernel counts
// that as its own.
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
