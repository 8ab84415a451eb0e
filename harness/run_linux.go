package harness

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/procfs"
)

// goAttr gives the go command a process group of its own. If the run is
// killed, go is told to finish: it then removes its work directory.
func goAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}

// adoptOrphans makes every descendant whose parent dies a child of this
// process.
func adoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// eventPipe returns a pipe for go's events that is as large as the system
// allows: go test waits for the reader of its events, and so do the tests.
func eventPipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	size := 1 << 20
	if b, err := os.ReadFile("/proc/sys/fs/pipe-max-size"); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			size = n
		}
	}
	if conn, err := w.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
	return r, w, nil
}

// cleanUp ends what is left of a go command or a supervisor that was killed:
// processes that this process adopted.
func (r *run) cleanUp() {
	if !r.cfg.AdoptOrphans || !r.lost && r.command.ProcessState.Exited() {
		return
	}
	for end := time.Now().Add(goPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		orphans := r.orphans()
		if len(orphans) == 0 {
			return
		}
		for _, pid := range orphans {
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// orphans returns the living processes that this process adopted since the
// go command started, and reaps the dead ones. They are this process'
// children, so their ids are safe. Children that it had before are not touched.
func (r *run) orphans() []int {
	var orphans []int
	for _, pid := range procfs.PIDs() {
		s, ok := procfs.ReadStat(pid)
		switch {
		case !ok || s.Parent != os.Getpid() || s.Started < r.goStarted || pid == r.watchdog.PID():
		case s.Dead:
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		default:
			orphans = append(orphans, pid)
		}
	}
	return orphans
}

// startTime returns when a process started, in clock ticks since boot.
func startTime(pid int) uint64 {
	s, _ := procfs.ReadStat(pid)
	return s.Started
}
