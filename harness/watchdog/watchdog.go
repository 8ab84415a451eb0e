// Package watchdog is the role of pgtest that cleans up after a run that was
// killed (`pgtest __watchdog`): it ends the go command and removes the run's
// directory, with go's work directory in it. Supervisors end their own
// processes. It knows nothing else of a run.
package watchdog

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Main runs the role until the run ends, with the run's directory as its only
// argument. Standard input is a pipe from the run, which tells the id of go's
// process group when there is one. If the pipe closes, the run is dead. A run
// that ends in order kills its watchdog.
func Main(args []string) {
	if len(args) != 1 {
		os.Exit(2)
	}
	// Whoever ends every process of a run lets it give its reports.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	told, _ := io.ReadAll(os.Stdin)
	if pgid, err := strconv.Atoi(strings.TrimSpace(string(told))); err == nil && pgid > 1 {
		endGroup(pgid)
	}
	remove(args[0])
}

const (
	// goPatience is how long the go command may take to stop its tools.
	goPatience = 300 * time.Millisecond
	// limit bounds all waiting: for what the kernel does not let die.
	limit = 10 * time.Second
	pause = 5 * time.Millisecond
)

// endGroup tells the go command to finish, and kills what has not.
func endGroup(pgid int) {
	syscall.Kill(-pgid, syscall.SIGINT)
	for waited := time.Duration(0); waited < limit; waited += pause {
		if syscall.Kill(-pgid, 0) != nil {
			return
		}
		if waited >= goPatience {
			syscall.Kill(-pgid, syscall.SIGKILL)
		}
		time.Sleep(pause)
	}
}

// remove removes the directory. A dying test binary may still write to it.
func remove(dir string) {
	for waited := time.Duration(0); waited < limit; waited += pause {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(pause)
	}
}

// A Watchdog is the run's end. A nil one does nothing.
type Watchdog struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// Start starts the role with command, which must call Main with the words
// behind it, to watch over a run with the given directory. It returns nil if it
// can't. The watchdog has a session of its own, so that no signal for the run
// reaches it.
func Start(command []string, dir string) *Watchdog {
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], dir)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	in, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	return &Watchdog{cmd: cmd, in: in}
}

// Watch tells the watchdog the process group to end.
func (w *Watchdog) Watch(pgid int) {
	if w != nil {
		io.WriteString(w.in, strconv.Itoa(pgid)+"\n")
	}
}

// PID returns the watchdog's process id, or 0.
func (w *Watchdog) PID() int {
	if w == nil {
		return 0
	}
	return w.cmd.Process.Pid
}

// Stop ends the watchdog, which then does nothing more.
func (w *Watchdog) Stop() {
	if w == nil {
		return
	}
	w.cmd.Process.Kill()
	w.cmd.Wait()
	w.in.Close()
}
