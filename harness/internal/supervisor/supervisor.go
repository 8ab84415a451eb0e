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

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/internal/words"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// Role is the first argument of a program that runs [Main].
const Role = "__exec"

// Main runs the role with the words that follow its name: options, the test
// binary, and its arguments. It returns the test binary's
// exit status, or 1 if the binary could not be started. If a signal ended the
// binary, the same signal ends the process.
func Main(args []string) int {
	// A parent-death signal fires when the thread that started the child exits,
	// so this goroutine, which starts it, keeps its thread to the end.
	runtime.LockOSThread()
	var opts Options
	command, err := words.Parse(Role, args, &opts)
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	received := signals.Catch()
	if !opts.Terminal {
		leaveTerminal()
	}
	proc.AdoptOrphans()
	client, err := control.Connect()
	if err != nil {
		// A test without its run would go on after the run was asked to end.
		fmt.Fprintf(os.Stderr, "pgtest: the test binary is not started, because the run can't be reached: %v\n", err)
		return 1
	}
	defer client.Close()
	var output *os.File
	if client != nil {
		restoreTempDir()
		output = proc.OpenOutput()
	}

	binary := command[0]
	orders := client.Orders()
	var early []control.Order
	var alone []string
	if opts.Asks {
		var selection *control.Selection
		if selection, early = ask(client, orders, importPath(binary)); selection == nil {
			return 1 // the run is dead
		}
		command = append(command[:1:1], narrowed(command[1:], *selection)...)
		if selection.Alone {
			alone = selection.Only
		}
	}
	t, err := start(command, opts, client.Socket(), alone)
	if err != nil {
		client.Report(control.Report{Failed: &control.Failed{Package: importPath(binary), Reason: err.Error()}})
		fmt.Fprintf(os.Stderr, "pgtest: the test binary can't be started: %v\n", err)
		return 1
	}
	// The path is read while the test runs: go test removes the binary after
	// it.
	client.Report(control.Report{Started: &control.Started{
		Supervisor: os.Getpid(), PID: t.PID(), Package: importPath(binary),
	}})

	leaks := wait(t, opts.Terminal, received, client != nil, early, orders, output).End(t)
	status, usage := t.Reap()
	if opts.Terminal {
		signals.ReclaimForeground()
	}
	ended := &control.Ended{ExitCode: status.ExitStatus(), Resources: usage}
	if status.Signaled() {
		ended.Signal = status.Signal()
	}
	ended.Leaks = control.LeaksOf(leaks, t.Group())
	ended.MoreLeaks = len(leaks) - len(ended.Leaks)
	client.Report(control.Report{Ended: ended})

	if status.Signaled() {
		signals.Die(status.Signal())
	}
	if opts.FailOnLeaks && len(leaks) > 0 && status.ExitStatus() == 0 {
		fmt.Fprintln(steady.Writer(os.Stdout), "FAIL:", plural.Count(len(leaks), "leaked process", "leaked processes"))
		return 1
	}
	return status.ExitStatus()
}

// ask asks the run which tests to run. It returns the orders that came before
// the answer, too, and no selection if the run is gone.
func ask(client *control.Client, orders <-chan control.Order, pkg string) (*control.Selection, []control.Order) {
	client.Report(control.Report{Asks: &control.Asks{Package: pkg}})
	var early []control.Order
	for o := range orders {
		if o.Selection != nil {
			return o.Selection, early
		}
		early = append(early, o)
	}
	return nil, nil
}

// wait carries out signals and orders, the early ones first, until the test
// binary ends. It returns the policy for what the binary left behind. Leftovers
// of a test that was asked to end are not described, because the test had no
// chance to end them. typed says that tests have the terminal, which sends its
// signals to them, too.
func wait(t *proc.Tree, typed bool, received <-chan os.Signal, connected bool, early []control.Order, orders <-chan control.Order, output *os.File) proc.Policy {
	end := proc.AfterTest
	relay := newRelay(connected)
	orderTime := signals.RelayTime
	if typed {
		orderTime = signals.TypedRelayTime
	}
	over := make(chan syscall.Signal, 64)
	do := func(a answer, sig syscall.Signal, held time.Duration) {
		end.Describe = false
		switch a {
		case pass:
			t.Signal(sig)
		case hold:
			stopwatch.AfterFunc(held, func() { over <- sig })
		}
	}
	carryOut := func(order control.Order) {
		switch {
		case order.Kill:
			end = proc.Policy{}
			t.Kill()
		case order.Unread:
			drain(output)
		case ends(order.Signal):
			do(relay.order(order.Signal), order.Signal, orderTime)
		case order.Signal != 0:
			t.Signal(order.Signal)
		}
	}
	for _, order := range early {
		carryOut(order)
	}
	for {
		select {
		case <-t.Exited():
			return end
		case sig := <-received:
			do(relay.receive(sig.(syscall.Signal)), sig.(syscall.Signal), receiveTime)
		case sig := <-over:
			do(relay.over(sig), sig, 0)
		case order, ok := <-orders:
			if ok {
				carryOut(order)
				continue
			}
			// The run is dead, so nobody needs the result.
			orders, end = nil, proc.Policy{}
			relay.disconnect()
			t.Kill()
		}
	}
}

// ends reports whether a signal is meant to end a test binary.
func ends(sig syscall.Signal) bool {
	return sig != 0 && sig != syscall.SIGSTOP && sig != syscall.SIGCONT
}

// leaveTerminal puts the supervisor into a session without a controlling
// terminal.
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

// drain reads what the test prints from the pipe that is standard output, and
// drops it, until this process ends. Go, which read the pipe, is dead. Without
// a reader, SIGPIPE would kill a test that prints before it can clean up.
func drain(output *os.File) {
	if output != nil {
		go io.Copy(io.Discard, output)
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
