//go:build unix

package signals

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// RunInForeground runs a command that talks to the user: in a process group of
// its own, which has the terminal meanwhile, with the terminal's modes as they
// were. If this process is killed, it gets SIGHUP, on Linux. Its standard files are the terminal. Signals for this process go to the
// command. It must be called between runs, on a Control with Keys. The
// error is that of starting the command; how the command ended is its own
// affair.
func (c *Control) RunInForeground(cmd *exec.Cmd) error {
	if c.keeper != nil {
		c.lend()
	}
	c.plan.terminal = none
	defer func() {
		c.plan.terminal = behind
		c.Handle(Event{Kind: Tick}, &phase{})
	}()
	if c.tty != nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = c.tty.file, c.tty.file, c.tty.file
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		endWithParent(cmd.SysProcAttr)
		if c.tty.ours() {
			cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, int(c.tty.file.Fd())
		}
	}
	// Nobody could continue the command if Ctrl-Z stopped it: no shell knows it.
	signal.Ignore(unix.SIGTSTP)
	err := cmd.Start()
	c.listen()
	if err != nil {
		return err
	}
	ended := async(func() { cmd.Wait() })
	run := &guest{process: cmd.Process}
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case e := <-c.events:
			c.Handle(e, run)
		}
	}
	if c.tty == nil {
		return nil
	}
	if pgid, err := c.tty.foreground(); err == nil && pgid == cmd.Process.Pid {
		withoutTTOU(func() error { return c.tty.setForeground(c.tty.job) })
	}
	return nil
}

// A guest is the Executor while a command has the terminal.
type guest struct {
	phase
	process *os.Process
}

func (g *guest) SignalTests(sig syscall.Signal) { g.process.Signal(sig) }
