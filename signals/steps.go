//go:build unix

package signals

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// do carries out a step of the plan.
func (c *Control) do(s Step, run Executor) {
	switch s.Verb {
	case InterruptGo:
		run.InterruptGo()
	case KillGo:
		run.KillGo()
	case Relay:
		run.SignalTests(s.Signal)
	case KillTests:
		run.SignalTests(unix.SIGKILL)
	case StopTests:
		c.grace.stop()
		c.frozen.Store(true)
		run.Stop()
	case ContinueTests:
		if c.thaw != nil {
			c.thaw()
			c.thaw = nil
		}
		c.frozen.Store(false)
		c.hot.resume()
		run.Continue()
	case StartGrace:
		relay := RelayTime
		if c.opts.TestsHaveTerminal {
			relay = TypedRelayTime
		}
		c.grace.set(c, GraceOver, relay+c.opts.Grace)
	case StartLastWait:
		c.grace.set(c, GraceOver, lastWait)
	case StartFirstWait:
		c.grace.set(c, GraceOver, firstWait)
	case Explain:
		run.Explain(c.explain(s.Signal))
	case Report:
		run.Report()
	case TakeTerminal:
		c.take()
	case LendTerminal:
		c.lend()
	case ReturnTerminal:
		c.giveBack()
	case StopSelf:
		c.freeze(os.Getpid())
	case StopJob:
		c.freeze(0)
	case ContinueJob:
		c.continuedJob = true
		unix.Kill(0, unix.SIGCONT)
	case RelayWinch:
		unix.Kill(0, unix.SIGWINCH)
	}
}

func (c *Control) explain(sig syscall.Signal) string {
	have, kills, again := "the tests have", "kills them", "a second signal"
	killing := "the tests that did"
	if c.opts.Builds {
		have, kills, killing = "the build has", "kills it", "the build, which did"
	}
	switch sig {
	case 0:
		return fmt.Sprintf("pgtest: go has died before its tests, which have %v to end; a signal ends them sooner", c.opts.Grace)
	case unix.SIGKILL:
		return fmt.Sprintf("pgtest: killing %s not end in %v", killing, c.opts.Grace)
	case unix.SIGINT:
		again = "Ctrl-C again"
	}
	return fmt.Sprintf("pgtest: %v: %s %v to end; %s %s at once", sig, have, c.opts.Grace, again, kills)
}

// take makes a keeper the terminal's foreground group. If that fails, the
// terminal is left alone: the terminal's signals then reach the run directly,
// and with them the rest of the pipeline.
func (c *Control) take() {
	if c.keeper == nil {
		onSignal := func(sig syscall.Signal) { c.offer(Event{Signal: sig, Via: ViaKeeper}) }
		onKey := func(key byte) {
			select {
			case c.keys <- key:
			default: // typed far ahead
			}
		}
		onExit := func(k *keeper) { c.send(Event{Kind: KeeperGone, from: k}) }
		keeper, err := startKeeper(c.opts.Keeper, c.tty, onSignal, onKey, onExit)
		if err != nil {
			c.plan.terminal = none
			return
		}
		c.keeper = keeper
	}
	// The shell may take the terminal from a job that was just stopped. Then
	// SIGTTOU must stop this process, as it stops any process that asks for the
	// terminal.
	err := withDefault(unix.SIGTTOU, func() error { return c.tty.setForeground(c.keeper.cmd.Process.Pid) })
	if err != nil {
		c.giveBack()
		c.plan.terminal = none
		return
	}
	if c.opts.Keys {
		// A crash must end this process by a signal: bash takes over the modes
		// that a program leaves, unless a signal killed it, and may do so before
		// the keeper puts them back.
		debug.SetTraceback("crash")
		c.modes, _ = c.tty.modes()
		c.keeper.commands.Write([]byte{readKeys})
	}
}

// lend gives the terminal to the job while the job is stopped.
func (c *Control) lend() {
	if c.keeper.lend() != nil {
		c.giveBack()
	}
}

// giveBack ends the keeper, which first returns the terminal to the job if it
// has it. A keeper that was killed could not do that: the terminal's foreground
// group has no member left, and SIGTTOU would stop the job when it touches the
// terminal. Then giveBack returns the terminal itself, and puts its modes back.
func (c *Control) giveBack() {
	if c.keeper == nil {
		return
	}
	c.keeper.end()
	pgid, err := c.tty.foreground()
	if err == nil && pgid == c.keeper.cmd.Process.Pid {
		withoutTTOU(func() error {
			if c.modes != nil {
				c.tty.setModes(c.modes)
			}
			return c.tty.setForeground(c.tty.job)
		})
		c.listen()
	}
	c.keeper = nil
}

// othersPatience is how long the other members of the job may take to stop.
const othersPatience = time.Second

// freeze stops this process, or with pid 0 its whole group in the same instant,
// so that no shell can continue some members before the others have stopped.
// SIGTSTP keeps its default action until the run continues, because the kernel
// chooses which thread takes the signal. The kernel stops a group by SIGTSTP
// only if a shell can continue it.
//
// If a script's shell has stopped, and was continued with the job, before the
// run stops itself, the run does not stop: nobody would continue it.
//
// Other members may have lost their SIGTSTP. A pager that was stopped for
// touching the terminal has it pending, and the SIGCONT by which the run
// continues the pager discards it. So the run stops only after the others have,
// and sends SIGTSTP to those that have not.
func (c *Control) freeze(pid int) {
	c.hot.pause()
	continued := func() bool { return c.conts.Load() != c.continued }
	if pid != 0 && c.continuedJob {
		stopOthers(othersPatience, continued)
	}
	if pid != 0 && continued() {
		return
	}
	thaw, err := setDefault(unix.SIGTSTP)
	if err == nil {
		c.thaw = thaw
		unix.Kill(pid, unix.SIGTSTP)
		return
	}
	if orphaned() {
		return
	}
	if pid == 0 {
		unix.Kill(0, unix.SIGTSTP) // this process catches it, and the plan has had it
	}
	unix.Kill(os.Getpid(), unix.SIGSTOP)
}
