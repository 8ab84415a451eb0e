package watchdog

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"pgtest/harness/internal/message"
)

// A Watchdog is the run's end of the role. A nil Watchdog watches nothing.
type Watchdog struct {
	cmd     *exec.Cmd
	orders  *os.File
	reports *os.File
	pid     int           // of the command, or 0
	ended   chan struct{} // closed when Status may be called
	status  syscall.WaitStatus
	killed  bool // the watchdog was lost before the command's end
}

// Start starts the role with words, which must call Main with the words behind
// them, to watch over a run with the given directories, and has it start the
// command c, which may be nil, with c's path, arguments, directory, environment
// and standard files, in a process group of its own or that of c.SysProcAttr,
// which the role then joins, too, or in a session of its own if c.SysProcAttr
// says so. Between the two it calls open, which makes some of the directories: if
// this process dies, there is somebody to remove them. Open may change c's
// environment. Start returns when the command runs. The caller must call
// Finish.
func Start(words, dirs []string, open func() error, c *exec.Cmd) (*Watchdog, error) {
	ordersIn, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, reportsOut, err := os.Pipe()
	if err != nil {
		ordersIn.Close()
		orders.Close()
		return nil, err
	}
	cmd := exec.Command(words[0], slices.Concat(words[1:], dirs)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{ordersIn, reportsOut}
	if c != nil {
		// The parent of a member must not keep the job's group from being
		// orphaned: the kernel would go on to stop members that use the
		// terminal after their shell has died, and nobody could continue them.
		cmd.SysProcAttr.Pgid = groupOf(c)
		cmd.Dir = c.Dir
		cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Env, c.Stdin, c.Stdout, c.Stderr
	}
	err = cmd.Start()
	ordersIn.Close()
	reportsOut.Close() // so that the reports end if the watchdog is killed
	if err != nil {
		orders.Close()
		reports.Close()
		return nil, err
	}
	w := &Watchdog{cmd: cmd, orders: orders, reports: reports, ended: make(chan struct{})}
	if err := open(); err != nil {
		close(w.ended)
		cmd.Process.Kill() // it would remove what may be somebody else's
		w.Finish(false)
		return nil, err
	}
	messages := message.Receive[report](reports)
	if c != nil {
		if err := w.startCommand(c, messages); err != nil {
			close(w.ended)
			w.Finish(false)
			return nil, err
		}
	}
	go w.listen(messages)
	return w, nil
}

// StartGentle is Start for a command whose processes get SIGTERM and some time before
// they are killed, and that leaves processes behind on purpose: FinishGently says how
// long they have. It makes dir, which is removed when none of them is left.
func StartGentle(words []string, dir string, c *exec.Cmd) (*Watchdog, error) {
	return Start(append(words, gentleWord), []string{dir}, func() error { return os.Mkdir(dir, 0o700) }, c)
}

// groupOf returns the process group that a command is to join, 0 for one of its
// own.
func groupOf(c *exec.Cmd) int {
	if c.SysProcAttr == nil {
		return 0
	}
	return c.SysProcAttr.Pgid
}

func hasSession(c *exec.Cmd) bool { return c.SysProcAttr != nil && c.SysProcAttr.Setsid }

func (w *Watchdog) startCommand(c *exec.Cmd, messages <-chan report) error {
	args, env := convert[[]byte](c.Args), convert[[]byte](c.Environ())
	w.send(order{Command: &command{Path: []byte(c.Path), Args: args, Env: env, Group: groupOf(c), Session: hasSession(c)}})
	r, alive := <-messages
	if !alive {
		return errors.New("the watchdog ended")
	}
	if r.Failed != 0 {
		return &os.PathError{Op: "fork/exec", Path: c.Path, Err: r.Failed}
	}
	w.pid = r.PID
	return nil
}

// listen waits for the end of the command, or of the watchdog.
func (w *Watchdog) listen(messages <-chan report) {
	defer close(w.ended)
	for r := range messages {
		if r.Ended {
			w.status = r.Status
			return
		}
	}
	w.killed = true
}

// send sends an order. It ignores errors: the end of the reports says the same.
func (w *Watchdog) send(o order) {
	if w != nil {
		message.Send(w.orders, o)
	}
}

// PID returns the watchdog's process id, or 0.
func (w *Watchdog) PID() int {
	if w == nil {
		return 0
	}
	return w.cmd.Process.Pid
}

// CommandPID returns the command's process id, or 0.
func (w *Watchdog) CommandPID() int {
	if w == nil {
		return 0
	}
	return w.pid
}

// Signal sends a signal to the command's process group, or to the command alone
// if the group is not its own.
func (w *Watchdog) Signal(sig syscall.Signal) { w.send(order{Signal: sig}) }

// EndOrphans kills the processes that lost their parents, and with them the
// supervisor that would have ended them, except those with the ids in spare.
func (w *Watchdog) EndOrphans(spare []int) { w.send(order{EndOrphans: true, Spare: spare}) }

// Ended is closed when the command has ended, or the watchdog was killed.
func (w *Watchdog) Ended() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.ended
}

// Status returns how the command ended. It returns false if that is unknown
// because the watchdog was killed. It may be called once Ended is closed.
func (w *Watchdog) Status() (syscall.WaitStatus, bool) { return w.status, !w.killed }

// finishPatience is how long the role may take to finish. It is longer than the
// role waits for others.
const finishPatience = finishLimit + GentlePatience + 10*time.Second

// Finish ends the watchdog. With endAll, the watchdog first ends what is left
// of the command and what it adopted; else those processes go on.
func (w *Watchdog) Finish(endAll bool) { w.finish(order{Finish: true, EndAll: endAll}) }

// HandOver is Finish where another watchdog has started in this one's place,
// and removes the directories.
func (w *Watchdog) HandOver(endAll bool) {
	w.finish(order{Finish: true, EndAll: endAll, Keep: true})
}

// FinishGently ends the watchdog once nothing is left of the command and what it
// adopted. These have the given time to end by themselves.
func (w *Watchdog) FinishGently(patience time.Duration) {
	w.finish(order{Finish: true, EndAll: true, Patience: patience})
}

func (w *Watchdog) finish(o order) {
	if w == nil {
		return
	}
	w.send(o)
	patience := time.AfterFunc(finishPatience, func() { w.cmd.Process.Kill() })
	defer patience.Stop()
	w.cmd.Wait()
	<-w.ended
	w.orders.Close()
	w.reports.Close()
}

// Kill ends a watchdog that does not answer. Finish must be called after it.
func (w *Watchdog) Kill() {
	if w != nil {
		w.cmd.Process.Kill()
	}
}
