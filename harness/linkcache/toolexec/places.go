package toolexec

import (
	"strconv"
	"syscall"
	"time"
)

// lookAgain is how long a tool waits before it looks again for a place. Of those
// that wait only one looks.
const lookAgain = 2 * time.Millisecond

// takePlace waits until fewer than AtOnce tools run, and counts this one, until it
// ends: it holds the lock of a file in Places, through what replaces it. Without
// AtOnce, or where files can't be locked, nobody waits.
func (c Command) takePlace() {
	if c.AtOnce < 1 || len(c.Words) <= c.Wrap || c.AsksVersion() {
		return
	}
	if c.takeFree() {
		return
	}
	turn, err := c.open("turn")
	if err != nil {
		return
	}
	defer syscall.Close(turn)
	if err := lock(turn, syscall.LOCK_EX); err != nil {
		return
	}
	for !c.takeFree() {
		time.Sleep(lookAgain)
	}
}

// takeFree takes a place that is free, and reports whether there is one.
func (c Command) takeFree() bool {
	for n := range c.AtOnce {
		fd, err := c.open(strconv.Itoa(n))
		if err != nil {
			return true
		}
		switch lock(fd, syscall.LOCK_EX|syscall.LOCK_NB) {
		case nil:
			return true // the descriptor stays open
		case syscall.EWOULDBLOCK:
			syscall.Close(fd)
		default:
			syscall.Close(fd)
			return true
		}
	}
	return false
}

// open opens a file whose descriptor what replaces this process keeps.
func (c Command) open(name string) (int, error) {
	return syscall.Open(c.Places+"/tool."+name, syscall.O_RDWR|syscall.O_CREAT, 0o600)
}

func lock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); err != syscall.EINTR {
			return err
		}
	}
}
