package harness

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/control"
	"pgtest/harness/procfs"
)

// goAttr gives the go command a process group of its own. If the run is
// killed, go is told to finish: it then removes its work directory.
func goAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}

// startCommand starts the command, go with control.Spared blocked. Go would die of
// them at once, and with it the pipe that its tests write to. So where every
// process of a run is told to end, the tests can clean up and say so: go waits for
// them when the run interrupts it.
func (r *run) startCommand() error {
	if len(r.cfg.Command) > 0 {
		return r.command.Start()
	}
	var was unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, control.Spared(), &was); err != nil {
		return r.command.Start()
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil)
	return r.command.Start()
}

// topOfHierarchy is FS_TOPDIR_FL of linux/fs.h, T of chattr(1).
const topOfHierarchy = 0x20000

// spread asks the file system to put what is created below dir in another
// place each time. Ext4 creates a directory's files close to it, and every
// creation steps over the inodes there that were freed in the last minutes:
// the files of all the go commands that worked in the same directory for
// temporary files. File systems that have no such flag refuse it, and that is
// fine.
func spread(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags|topOfHierarchy))
	}
}

// adoptOrphans makes every descendant whose parent dies a child of this
// process.
func adoptOrphans() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// reapOrphans reaps adopted processes that have ended. Children of this
// process' own are waited for elsewhere.
func (r *run) reapOrphans() {
	for {
		pid, err := procfs.DeadChild(false)
		if err != nil || pid == 0 || r.isOwnChild(pid) {
			return
		}
		unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// cleanUp ends what is left of a go command or a supervisor that was killed:
// processes that this process adopted.
func (r *run) cleanUp() {
	if !r.cfg.AdoptOrphans || r.command == nil || !r.lost && r.commandStatus() >= 0 {
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
		case !ok || s.Parent != os.Getpid() || s.Started < r.goStarted || r.isOwnChild(pid):
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
