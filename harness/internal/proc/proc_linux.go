package proc

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"pgtest/signals/procfs"
)

// Attr makes a child get sig when the thread that started it ends. The caller
// must keep that thread (runtime.LockOSThread) as long as the child lives.
func Attr(sig syscall.Signal) *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: sig} }

// adopts is set if every descendant whose parent dies becomes a child of this
// process.
var adopts bool

// AdoptOrphans makes every descendant whose parent dies a child of this
// process. A sandbox may refuse that; then what is left in a group is found by
// a look at /proc, and what has escaped is not.
func AdoptOrphans() { adopts = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil }

// AwaitExit waits until a child has ended, and leaves it to be reaped: until
// then the id of the group that it leads can't be given to anybody else.
func AwaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// AnyChild reports whether any child is alive. Where this process adopts
// orphans, every living descendant is below one.
func AnyChild() bool { return anyAlive(unix.P_ALL, 0) }

// anyAlive reports whether any child that the arguments of waitid select is
// alive.
//
// A wait for stopped children only is refused with ECHILD if all children are
// dead (wait_consider_task in the kernel's exit.c), so this costs one system
// call and no look at /proc.
func anyAlive(idType, id int) bool {
	err := unix.Waitid(idType, id, nil, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT|unix.WALL, nil)
	return err != unix.ECHILD
}

// A DeadChild is a child that has ended and is not reaped.
type DeadChild struct {
	PID    int
	Status syscall.WaitStatus
}

// lookDead returns a child that has ended, without reaping it. With wait it
// waits for one, without it returns the zero DeadChild if there is none yet. No
// children at all are an error, ECHILD.
func lookDead(wait bool) (DeadChild, error) {
	options := unix.WEXITED | unix.WNOWAIT | unix.WALL
	if !wait {
		options |= unix.WNOHANG
	}
	for {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_ALL, 0, &info, options, nil); err == unix.EINTR {
			continue
		} else if err != nil {
			return DeadChild{}, err
		}
		// si_pid, si_uid and si_status are the first fields of the union, which
		// starts after three ints, at the alignment of a pointer.
		const ints, word = 3 * unsafe.Sizeof(int32(0)), unsafe.Sizeof(uintptr(0))
		const offset = (ints + word - 1) / word * word
		fields := (*[3]int32)(unsafe.Add(unsafe.Pointer(&info), offset))
		return DeadChild{PID: int(fields[0]), Status: waitStatus(info.Code, fields[2])}, nil
	}
}

// waitStatus converts what waitid returns into what wait would return.
func waitStatus(code, status int32) syscall.WaitStatus {
	const exited, dumped, coreFlag = 1, 3, 0x80 // CLD_EXITED, CLD_DUMPED, WCOREFLAG
	switch code {
	case exited:
		return syscall.WaitStatus(status&0xff) << 8
	case dumped:
		return syscall.WaitStatus(status | coreFlag)
	}
	return syscall.WaitStatus(status)
}

// ReapOrphans reaps children that have ended, up to one that somebody waits
// for, which it returns unreaped, or the zero DeadChild. The kernel shows the
// dead one at a time, so those behind that one are for another call, when it is
// reaped.
func ReapOrphans(waitedFor func(pid int) bool) DeadChild {
	for {
		dead, err := lookDead(false)
		if err != nil || dead.PID == 0 || waitedFor(dead.PID) {
			return dead
		}
		unix.Wait4(dead.PID, nil, unix.WNOHANG|unix.WALL, nil)
	}
}

// Any reports whether any member of the group is alive. Signal 0 can't be used
// for that: it also reaches the leader, which is a zombie.
func (g Group) Any() bool {
	if !adopts {
		return len(g.List()) > 0
	}
	return anyAlive(unix.P_PGID, int(g))
}

// List returns the living members.
func (g Group) List() []Process {
	var list []Process
	for _, s := range procfs.Find(procfs.Stat.Alive) {
		if s.Group == int(g) {
			list = append(list, Process{s.PID, s.Group, s.Started})
		}
	}
	return list
}

func commandLine(pid int) string { return printable(procfs.Arguments(pid)) }
