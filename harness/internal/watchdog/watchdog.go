// Package watchdog is the role of pgtest between a run and the command that
// prints its events (`pgtest __watchdog`). It starts the command and stays its
// parent, so that the id of the command's process group belongs to nobody else
// until the run has ended. On Linux it adopts what the command and its
// supervisors leave behind when they are killed: all its children descend from
// the command, and only those are ever ended. If the run is killed it ends them
// and removes the run's directories. It knows nothing else of a run.
package watchdog

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"pgtest/harness/internal/message"
	"pgtest/harness/internal/proc"
	"pgtest/signals"
)

// The descriptors of the role besides the command's standard files: orders of
// the run, and what the role reports. The end of the orders is the death of the
// run.
const (
	ordersFD  = 3
	reportsFD = 4
)

// An order tells the role what to do.
type order struct {
	// Command is the first order, once, if there is a command.
	Command *command `json:",omitempty"`
	// Signal is sent to the command's process group, or to the command alone if
	// the group is not its own. After Finish of a gentle role SIGKILL means that
	// what is left has only hurriedPatience.
	Signal syscall.Signal `json:",omitempty"`
	// EndOrphans ends what the role adopted, except what is in Spare.
	EndOrphans bool  `json:",omitempty"`
	Spare      []int `json:",omitempty"`
	// Finish is the last order but SIGKILL. With EndAll nothing is left of the
	// command; what there is has Patience to end by itself. With Keep the run's
	// directories stay, for the watchdog of the next round.
	Finish   bool          `json:",omitempty"`
	EndAll   bool          `json:",omitempty"`
	Patience time.Duration `json:",omitempty"`
	Keep     bool          `json:",omitempty"`
}

// A command is what to start. The words are bytes, because JSON strings would
// change those that are not UTF-8.
type command struct {
	Path      []byte
	Args, Env [][]byte
	// Group is the process group to join; 0 makes a new one, in a new session
	// if Session is set.
	Group   int
	Session bool
}

// A report tells the run that the command started, as PID, that it could not be
// started (Failed), or that it has Ended with a Status as wait returns it.
type report struct {
	PID    int                `json:",omitempty"`
	Failed syscall.Errno      `json:",omitempty"`
	Ended  bool               `json:",omitempty"`
	Status syscall.WaitStatus `json:",omitempty"`
}

// Role is the first argument of a program that runs [Main].
const Role = "__watchdog"

// Main runs the role until the run ends, and returns the exit status. Its
// arguments are the run's directories. Of the signals that end or stop a process
// only SIGKILL and SIGSTOP affect it.
func Main(dirs []string) int {
	gentle := len(dirs) > 0 && dirs[0] == gentleWord
	if gentle {
		dirs = dirs[1:]
	}
	// The command has a parent-death signal, which fires when the thread that
	// started it exits.
	runtime.LockOSThread()
	// A program that ends every process of a run must let the role give its
	// reports, and one that stops the job must let it end what is left if the
	// run is killed.
	signals.Catch()
	for _, sig := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU} {
		if !signals.Ignored(sig) { // the command ignores it, too
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	syscall.CloseOnExec(ordersFD)
	syscall.CloseOnExec(reportsFD)
	w := &watch{
		gentle:  gentle,
		reports: json.NewEncoder(os.NewFile(reportsFD, "reports")),
		orders:  message.Receive[order](os.NewFile(ordersFD, "orders")),
	}
	w.serve(dirs)
	return 0
}

// gentleWord stands before the directories for Main's watch to be gentle.
const gentleWord = "--gentle"

// A state is the stage that the command has reached.
type state int

const (
	none    state = iota // it was not started
	running              // it runs
	ending               // it runs, and all that it started is to end with it
	dead                 // it has ended; its ids are still its own
	reaped               // it was waited for: its ids may be somebody else's
)

// watch is the state of the role. One goroutine reaps and signals, so no id of
// a child is used after the child was reaped.
type watch struct {
	reports *json.Encoder
	orders  <-chan order
	state   state
	pid     int  // of the command
	leads   bool // the command leads a process group
	gentle  bool // what there is gets SIGTERM before it is killed
}

func (w *watch) serve(dirs []string) {
	died := childDeaths()
	for {
		select {
		case <-died:
			w.lookForDead()
		case o, alive := <-w.orders:
			switch {
			case !alive:
				if w.gentle {
					w.endAll(GentlePatience, limit)
				} else {
					for _, dir := range dirs {
						signals.RestoreTerminal(dir)
					}
					w.endAll(patience, limit)
				}
				for _, dir := range dirs {
					remove(dir)
				}
				return
			case o.Command != nil:
				w.start(o.Command)
			case o.Signal != 0:
				w.signal(o.Signal)
			case o.EndOrphans:
				w.endOrphans(o.Spare)
			case o.Finish:
				if o.EndAll {
					w.endAll(o.Patience, finishLimit)
				}
				// The resources that orphans used count for the run, whose
				// child this process is. Their ids may be reused from now on,
				// so this comes last.
				proc.ReapAll()
				// The run may be out of descriptors, which this takes.
				for _, dir := range dirs {
					if !o.Keep {
						os.RemoveAll(dir)
					}
				}
				return
			}
		}
	}
}

// start starts the command in the watchdog's directory, then gives up that
// directory and the command's standard files. If the watchdog is killed, a go
// command gets the signal to finish, and removes its work directory.
func (w *watch) start(c *command) {
	args, path := convert[string](c.Args), string(c.Path)
	attr := &syscall.ProcAttr{Env: convert[string](c.Env), Files: []uintptr{0, 1, 2}, Sys: proc.Attr(syscall.SIGINT)}
	attr.Sys.Setpgid, attr.Sys.Pgid, attr.Sys.Setsid = !c.Session, c.Group, c.Session
	pid, err := syscall.ForkExec(path, args, attr)
	if err != nil {
		errno := syscall.EAGAIN
		errors.As(err, &errno)
		w.reports.Encode(report{Failed: errno})
		return
	}
	w.state, w.pid, w.leads = running, pid, c.Group == 0
	w.reports.Encode(report{PID: pid})
	w.follow()
	os.Chdir("/")
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		for fd := range 3 {
			redirect(int(null.Fd()), fd)
		}
		null.Close()
	}
}

// convert makes strings of bytes or bytes of strings.
func convert[To, From []byte | string](list []From) []To {
	words := make([]To, len(list))
	for i, word := range list {
		words[i] = To(word)
	}
	return words
}

func (w *watch) signal(sig syscall.Signal) {
	switch {
	case w.state == none || w.state == reaped:
	case w.leads:
		syscall.Kill(-w.pid, sig)
	default:
		syscall.Kill(w.pid, sig)
	}
}

// died reports the command's end, once. now is dead or reaped.
func (w *watch) died(status syscall.WaitStatus, now state) {
	if w.state < dead {
		w.reports.Encode(report{Ended: true, Status: status})
	}
	w.state = now
}

const (
	// patience is how long the command of a run that was killed may take to
	// stop what it started, and supervisors to end their processes.
	patience = 300 * time.Millisecond
	// limit and finishLimit bound all waiting for processes that the kernel
	// does not let die. Nobody waits for the watchdog of a run that was killed.
	limit       = 10 * time.Second
	finishLimit = 2 * time.Second
	pause       = 2 * time.Millisecond
	// hurriedPatience is what is left of that when everything is to be killed.
	hurriedPatience = time.Second
	// GentlePatience is how long what a setup left may take to end: a database
	// writes what it has in memory.
	GentlePatience = 10 * time.Second
)

// endAll asks the command to finish, and after patience kills what is left.
func (w *watch) endAll(patience, limit time.Duration) {
	sig := syscall.SIGINT
	if w.gentle {
		sig, limit = syscall.SIGTERM, limit+patience
		w.signalOrphans(sig)
	}
	if w.state == running || w.gentle {
		w.signal(sig)
	}
	if w.state == running {
		w.state = ending
	}
	for end := time.Now().Add(limit); !w.goneWithin(patience) && time.Now().Before(end); patience = pause {
		w.signal(syscall.SIGKILL)
		w.endOrphans(nil)
	}
}

// goneWithin reports whether nothing is left after some time at most, which is
// shorter if a gentle role is ordered to kill.
func (w *watch) goneWithin(patience time.Duration) bool {
	end, late := time.Now().Add(patience), false
	gone := proc.GoneWithin(patience, func() bool {
		if hurried := time.Now().Add(hurriedPatience); w.gentle && w.isHurried() && hurried.Before(end) {
			end = hurried
		}
		late = time.Now().After(end)
		return !late && w.anyLeft()
	})
	return gone && !late
}

// isHurried reports whether there is an order to kill. There is none from a run that
// was killed.
func (w *watch) isHurried() bool {
	select {
	case o := <-w.orders:
		return o.Signal == syscall.SIGKILL
	default:
		return false
	}
}

// remove removes a directory. A dying test binary may still write to it.
func remove(dir string) {
	for waited := time.Duration(0); waited < limit; waited += pause {
		if err := os.RemoveAll(dir); err == nil || errors.Is(err, fs.ErrPermission) {
			return
		}
		time.Sleep(pause)
	}
}
