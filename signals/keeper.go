//go:build unix

package signals

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The run and its keeper exchange single bytes over two pipes, and the keeper
// inherits the terminal. At the end of the pipe of commands, which the run
// closes or leaves behind when it is killed, the keeper gives the terminal back
// and ends.
const (
	keeperCommands = 3 // descriptor: run to keeper
	keeperMessages = 4 // descriptor: keeper to run
	keeperTerminal = 5 // descriptor: the terminal

	giveBack  = 'b' // command: make the job the foreground group, then say done
	readKeys  = 'k' // command: read keys until giveBack; the keeper has the terminal
	ready     = 'r' // message: the handlers are installed
	done      = 'd' // message: giveBack was carried out
	pressed   = 'p' // message: the next byte is a key
	firstSign = 128 // message: 128+n says that signal n arrived
)

// keeperLimit is how long the run waits for an answer of its keeper, which is
// normally immediate. After it the keeper counts as lost (stopped, or unable to
// get memory), and the run goes on without one.
const keeperLimit = 10 * time.Second

// KeeperRole is the first argument of a program that runs [Keeper].
const KeeperRole = "__keeper"

// Keeper runs the keeper's process and returns its exit status. The keeper
// leads a process group of its own, is the terminal's foreground group while
// the run wants that, and reports the terminal's signals and keys to the run.
// Whatever ends the run, the keeper puts the terminal's modes back. words hold
// one argument: the process group to give the terminal back to.
func Keeper(words []string) int {
	if len(words) != 1 {
		return 2
	}
	job, err := strconv.Atoi(words[0])
	if err != nil || unix.Getpgrp() != os.Getpid() {
		return 2
	}
	// SIGTERM is ignored: a program that ends every process of a session also
	// ends the run, which still gives its reports, and the keeper ends with the
	// run.
	sigs := make(chan os.Signal, 16)
	signal.Notify(sigs, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGHUP, unix.SIGWINCH, unix.SIGTERM)
	if reportSignal > 0 {
		signal.Notify(sigs, reportSignal)
	}
	commands := os.NewFile(keeperCommands, "commands")
	messages := os.NewFile(keeperMessages, "messages")
	terminal := &tty{file: os.NewFile(keeperTerminal, "/dev/tty"), job: unix.Getpgrp()}
	say := func(b ...byte) { messages.Write(b) }
	keys := &keyboard{tty: terminal, onKey: func(key byte) { say(pressed, key) }}

	requests := make(chan byte)
	go func() {
		defer close(requests)
		for command := make([]byte, 1); ; {
			if _, err := commands.Read(command); err != nil {
				return
			}
			requests <- command[0]
		}
	}()
	say(ready)
	for {
		select {
		case sig := <-sigs:
			if sig != unix.SIGTERM {
				say(firstSign + byte(sig.(syscall.Signal)))
			}
		case command, alive := <-requests:
			if command == readKeys {
				if terminal.ours() {
					keys.on()
				}
				continue
			}
			// Give the terminal back only if this group has it: the shell may
			// have taken it.
			ours := terminal.ours()
			keys.off(ours)
			if ours {
				terminal.setForeground(job)
			}
			if !alive {
				return 0
			}
			say(done)
		}
	}
}

// A keeper is the run's side of a keeper process.
type keeper struct {
	cmd      *exec.Cmd
	commands *os.File
	messages *os.File
	answers  chan byte     // ready and done; closed when the keeper's messages end
	over     chan struct{} // closed when the keeper's messages have ended
}

// startKeeper starts argv, with the job appended, as a keeper and returns when
// the keeper is ready. A goroutine then calls onSignal and onKey for what the
// keeper reports and, when the keeper has ended, onExit as its last call.
func startKeeper(argv []string, t *tty, onSignal func(syscall.Signal), onKey func(byte), onExit func(*keeper)) (*keeper, error) {
	commandsIn, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer commandsIn.Close()
	messages, messagesOut, err := os.Pipe()
	if err != nil {
		commands.Close()
		return nil, err
	}
	defer messagesOut.Close()
	cmd := exec.Command(argv[0], append(argv[1:len(argv):len(argv)], strconv.Itoa(t.job))...)
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{commandsIn, messagesOut, t.file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		commands.Close()
		messages.Close()
		return nil, err
	}
	k := &keeper{cmd: cmd, commands: commands, messages: messages, answers: make(chan byte, 4), over: make(chan struct{})}
	go k.listen(onSignal, onKey, onExit)
	if !k.await(ready) {
		k.end()
		return nil, errors.New("the keeper did not start")
	}
	return k, nil
}

func (k *keeper) listen(onSignal func(syscall.Signal), onKey func(byte), onExit func(*keeper)) {
	defer onExit(k) // runs last: it may wait for the run, which may wait in end
	defer close(k.over)
	defer close(k.answers)
	key := false // the next byte is one
	for buf := make([]byte, 16); ; {
		n, err := k.messages.Read(buf)
		for _, b := range buf[:n] {
			switch {
			case key:
				key = false
				onKey(b)
			case b == pressed:
				key = true
			case b >= firstSign:
				onSignal(syscall.Signal(b - firstSign))
			default:
				select {
				case k.answers <- b:
				default: // an answer that nobody waited for
				}
			}
		}
		if err != nil {
			return
		}
	}
}

// await reports whether the keeper answered with b.
func (k *keeper) await(b byte) bool {
	limit := time.NewTimer(keeperLimit)
	defer limit.Stop()
	for {
		select {
		case answer, alive := <-k.answers:
			if !alive || answer == b {
				return alive
			}
		case <-limit.C:
			return false
		}
	}
}

// lend makes the keeper give the terminal to the job and stay.
func (k *keeper) lend() error {
	if _, err := k.commands.Write([]byte{giveBack}); err != nil {
		return err
	}
	if !k.await(done) {
		return errors.New("the keeper did not answer")
	}
	return nil
}

// end makes the keeper give the terminal back if it still has it, waits for its
// end and reaps it.
func (k *keeper) end() {
	k.commands.Close()
	limit := time.AfterFunc(keeperLimit, func() { k.cmd.Process.Kill() })
	k.cmd.Wait()
	limit.Stop()
	k.messages.Close()
	<-k.over
}
