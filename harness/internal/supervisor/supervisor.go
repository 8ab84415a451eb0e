// Package supervisor is the role of pgtest that stands between go test and one
// test binary (`pgtest __exec`): it gives the binary a process group of its
// own, unless tests have the terminal, ends whatever the binary leaves behind,
// and exits as the binary did. It knows nothing of events, formats and other
// packages.
package supervisor

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/control"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// Role is the first argument of a program that runs [Main].
const Role = "__exec"

// Main runs the role with the words that follow its name: options as Words
// writes them, the test binary, and its arguments. It returns the test binary's
// exit status, or 1 if the binary could not be started. If a signal ended the
// binary, the same signal ends the process.
func Main(words []string) int {
	// A parent-death signal fires when the thread that started the child exits,
	// so this goroutine, which starts it, keeps its thread to the end.
	runtime.LockOSThread()
	opts, command, err := parseWords(words)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	received := signals.Catch()
	if !opts.Terminal {
		leaveTerminal()
	}
	adoptOrphans()
	link, err := dial()
	if err != nil {
		// Alone, a test would run on when the run is told to end.
		fmt.Fprintf(os.Stderr, "pgtest: the test binary is not started, because the run can't be reached: %v\n", err)
		return 1
	}
	defer link.close()

	binary := command[0]
	t, err := start(command, opts, link.path)
	if err != nil {
		link.report(control.Report{Failed: &control.Failed{Package: importPath(binary), Reason: err.Error()}})
		fmt.Fprintf(os.Stderr, "pgtest: the test binary can't be started: %v\n", err)
		return 1
	}
	// The path is read while the test runs: go test removes the binary after it.
	link.report(control.Report{Started: &control.Started{
		Supervisor: os.Getpid(), PID: t.root, Package: importPath(binary),
	}})

	leaks := t.endLeftovers(wait(t, received, link))
	status, usage := t.reap()
	if opts.Terminal {
		signals.ReclaimForeground()
	}
	ended := &control.Ended{ExitCode: status.ExitStatus(), Resources: usage}
	if status.Signaled() {
		ended.Signal = status.Signal()
	}
	ended.Leaks, ended.MoreLeaks = bounded(leaks)
	link.report(control.Report{Ended: ended})

	if status.Signaled() {
		signals.Die(status.Signal())
	}
	if opts.FailOnLeaks && len(leaks) > 0 && status.ExitStatus() == 0 {
		fmt.Fprintln(steady.Writer(os.Stdout), "FAIL:", plural.Count(len(leaks), "leaked process", "leaked processes"))
		return 1
	}
	return status.ExitStatus()
}

// wait carries out signals and orders until the test binary ends. It returns
// how to end what is left behind.
func wait(t *tree, received <-chan os.Signal, link *link) ending {
	end := ending{settle: settleTime, term: termTime, blame: true}
	relay := newRelay(link.run != nil)
	over := make(chan syscall.Signal, 64)
	do := func(a answer, sig syscall.Signal, held time.Duration) {
		end.blame = false
		switch a {
		case pass:
			t.signal(sig)
		case hold:
			time.AfterFunc(held, func() { over <- sig })
		}
	}
	orders := link.orders
	for {
		select {
		case <-t.exited:
			return end
		case sig := <-received:
			do(relay.receive(sig.(syscall.Signal)), sig.(syscall.Signal), receiveTime)
		case sig := <-over:
			do(relay.over(sig), sig, 0)
		case order, ok := <-orders:
			switch {
			case !ok:
				// The run is dead, and nobody will ask for results.
				orders, end = nil, ending{}
				relay.disconnect()
				t.kill()
			case order.Kill:
				end = ending{}
				t.kill()
			case order.Unread:
				link.drain()
			case ends(order.Signal):
				do(relay.order(order.Signal), order.Signal, t.orderTime())
			case order.Signal != 0:
				t.signal(order.Signal)
			}
		}
	}
}

// orderTime is how long a signal that the run orders is held. Where the terminal
// sends signals to the test, too, that is the rule.
func (t *tree) orderTime() time.Duration {
	if t.leads {
		return orderTime
	}
	return typedTime
}

// ends says whether a signal is meant to end a test binary, which then can't
// be blamed for what it did not come to end.
func ends(sig syscall.Signal) bool {
	return sig != 0 && sig != syscall.SIGSTOP && sig != syscall.SIGCONT
}

// ending is how leftovers are ended: they get settle to end by themselves,
// then term between SIGTERM and SIGKILL.
type ending struct {
	settle, term time.Duration
	blame        bool // report what is still there after settle as leaks
}

const (
	// settleTime keeps a child that is just dying from being called a leak.
	settleTime = 100 * time.Millisecond
	termTime   = 200 * time.Millisecond
)

// leaveTerminal puts the supervisor into a session without a controlling terminal.
//
// The session is the supervisor's and not the test binary's: a session leader
// without a terminal that opens one gets it for its own, and dies of SIGHUP
// when it closes, as the tests of os and net found.
func leaveTerminal() {
	// Setsid fails for the leader of a group only, which go test does not make
	// of its children. A supervisor that was started as a leader by another
	// program still gives the test binary its group.
	unix.Setsid()
}

// bounded cuts a report to what control promises.
func bounded(leaks []control.Leak) ([]control.Leak, int) {
	if len(leaks) <= control.MaxLeaks {
		return leaks, 0
	}
	return leaks[:control.MaxLeaks], len(leaks) - control.MaxLeaks
}

// A link is the connection to the run, or nothing if there is none: then the
// supervisor does the same work without reports and orders.
type link struct {
	path   string // of the run's socket, or ""
	run    *control.Run
	orders <-chan control.Order
	output *os.File // reads the pipe that standard output is; nil for none
}

// dial connects to the run, and makes the environment the one that the run
// got.
func dial() (*link, error) {
	path := os.Getenv(control.SocketVariable)
	os.Unsetenv(control.SocketVariable)
	if path != "" {
		restoreTempDir()
	}
	if path == "" {
		return &link{}, nil
	}
	run, err := control.Dial(path)
	if err != nil {
		return nil, err
	}
	return &link{path: path, run: run, orders: run.Orders(), output: openOutput()}, nil
}

// drain reads what the test prints, and drops it, to the end of this process. Go,
// whose pipe it is, is dead: who writes to a pipe without a reader dies, and could
// not clean up.
func (l *link) drain() {
	if l.output != nil {
		go io.Copy(io.Discard, l.output)
	}
}

// restoreTempDir puts back the user's GOTMPDIR.
func restoreTempDir() {
	if dir, ok := os.LookupEnv(control.TempVariable); ok {
		os.Unsetenv(control.TempVariable)
		os.Setenv("GOTMPDIR", dir)
	} else {
		os.Unsetenv("GOTMPDIR")
	}
}

// report sends a message to the run. An error is no news: the end of orders
// tells the same.
func (l *link) report(m control.Report) {
	if l.run != nil {
		l.run.Report(m)
	}
}

func (l *link) close() {
	if l.run != nil {
		l.run.Close()
	}
}
