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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/internal/words"
	"pgtest/harness/override"
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
	// It mostly waits. Threads that look for more to do would cost more than the
	// messages to and from the run.
	runtime.GOMAXPROCS(1)
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
		control.RestoreEnvironment()
		output = proc.OpenOutput()
	}

	binary := command[0]
	pkg := sync.OnceValue(func() string { return importPath(binary) })
	rules, err := control.Overrides()
	if err != nil || opts.Overrides != "" && len(rules) == 0 {
		fmt.Fprintf(os.Stderr, "pgtest: the test binary is not started, because %s does not have what it should: %v\n", control.OverridesVariable, err)
		return 1
	}
	var own override.Settings
	if len(rules) > 0 {
		own = rules.Package(pkg())
		opts = opts.overridden(rules, pkg())
	}
	orders := client.Orders()
	command = append(command[:1:1], opts.withTimeout(command[1:])...)
	var early []control.Order
	var alone []string
	env := own.Environ(os.Environ())
	if client != nil {
		client.Report(control.Report{Asks: opts.asks(command, pkg, own)})
		answer, before, end := await(received, orders)
		if answer == nil {
			if end != 0 {
				signals.Die(end)
			}
			return 1
		}
		early, env = before, append(env, answer.Place.Env...)
		if opts.Asks {
			command = append(command[:1:1], narrowed(command[1:], *answer.Selection)...)
			if answer.Selection.Alone {
				alone = answer.Selection.Only
			}
		}
	}
	// A parent-death signal fires when the thread that started the child exits,
	// so this goroutine, which starts it, keeps its thread to the end. Not before,
	// because it takes longer to wake.
	runtime.LockOSThread()
	t, err := start(command, pkg, opts, own, client.Socket(), rules.Encode(), alone, env)
	if err != nil {
		client.Report(control.Report{Failed: &control.Failed{Package: pkg(), Reason: err.Error()}})
		fmt.Fprintf(os.Stderr, "pgtest: the test binary can't be started: %v\n", err)
		return 1
	}
	if client != nil {
		client.Report(control.Report{Started: &control.Started{
			Supervisor: os.Getpid(), PID: t.PID(), Package: pkg(),
		}})
	}

	alarm := newAlarm(opts.GoTimeout)
	pass := t.Signal
	if fuzzes(command) {
		// It ends its workers itself. One that it finds at its end before it has
		// the signal is a crash to it.
		pass = func(sig syscall.Signal) {
			if sig == syscall.SIGINT {
				t.SignalAlone(sig)
			} else {
				t.Signal(sig)
			}
		}
	}
	leaks := wait(t, pass, alarm, opts.Terminal, received, client, early, orders, output).End(t)
	alarm.stop()
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
	if alarm.rang {
		kill, _ := gotest.KillAfter(opts.GoTimeout)
		fmt.Fprintf(steady.Writer(os.Stdout), "*** Test killed with %v: ran too long (%v).\n", syscall.SIGQUIT, kill)
	}

	if status.Signaled() {
		signals.Die(status.Signal())
	}
	if alarm.overtime && status.ExitStatus() == 0 {
		fmt.Fprintln(steady.Writer(os.Stdout), "FAIL: a test ran for too long")
	}
	if (alarm.rang || alarm.overtime) && status.ExitStatus() == 0 {
		return 1
	}
	err = logOverrides(binary, own, func(name string) string { return rules.StandIn(pkg(), name) })
	if err != nil && status.ExitStatus() == 0 {
		fmt.Fprintf(steady.Writer(os.Stdout), "FAIL: what the tests read can't be noted: %v\n", err)
		return 1
	}
	if opts.FailOnLeaks && len(leaks) > 0 && status.ExitStatus() == 0 {
		fmt.Fprintln(steady.Writer(os.Stdout), "FAIL:", plural.Count(len(leaks), "leaked process", "leaked processes"))
		return 1
	}
	return status.ExitStatus()
}

// An alarm rings when a test binary has to end that -timeout has not ended.
type alarm struct {
	rings    <-chan syscall.Signal // SIGQUIT, and later SIGKILL
	rang     bool
	overtime bool // the run rang, for a test
	stop     func()
}

// newAlarm returns one that rings when go test would end the test binary.
func newAlarm(timeout time.Duration) *alarm {
	if timeout == 0 {
		return &alarm{stop: func() {}}
	}
	rings := make(chan syscall.Signal, 2)
	kill, wait := gotest.KillAfter(timeout)
	stopQuit := stopwatch.AfterFunc(kill, func() { rings <- syscall.SIGQUIT })
	stopKill := stopwatch.AfterFunc(kill+wait, func() { rings <- syscall.SIGKILL })
	return &alarm{rings: rings, stop: func() { stopQuit(); stopKill() }}
}

// await waits for the answer to a request. It returns it with the orders that came
// before it, or none if the run is gone or asks the test to end, with the signal
// for that, 0 for none.
func await(received <-chan os.Signal, orders <-chan control.Order) (answer *control.Order, early []control.Order, end syscall.Signal) {
	for {
		select {
		case sig := <-received:
			if sig := sig.(syscall.Signal); ends(sig) {
				return nil, nil, sig
			}
		case o, ok := <-orders:
			switch {
			case !ok, o.Kill, o.Unread:
				return nil, nil, 0
			case o.Refused != "":
				fmt.Fprint(steady.Writer(os.Stdout), o.Refused)
				return nil, nil, 0
			case o.Place != nil:
				return &o, early, 0
			case ends(o.Signal):
				return nil, nil, o.Signal
			}
			early = append(early, o)
		}
	}
}

// fuzzes reports whether a test binary fuzzes a target.
func fuzzes(command []string) bool {
	return slices.ContainsFunc(command, func(word string) bool { return strings.HasPrefix(word, "-test.fuzz=") && word != "-test.fuzz=" })
}

// wait carries out signals and orders, the early ones first, until the test
// binary ends. It returns the policy for what the binary left behind. Leftovers
// of a test that was asked to end are not described, because the test had no
// chance to end them. typed says that tests have the terminal, which sends its
// signals to them, too. passOn sends a signal that asks the tree to end.
func wait(t *proc.Tree, passOn func(syscall.Signal), alarm *alarm, typed bool, received <-chan os.Signal, client *control.Client, early []control.Order, orders <-chan control.Order, output *os.File) proc.Policy {
	end := proc.AfterTest
	relay := newRelay(client != nil)
	orderTime := signals.RelayTime
	if typed {
		orderTime = signals.TypedRelayTime
	}
	over := make(chan syscall.Signal, 64)
	do := func(a answer, sig syscall.Signal, held time.Duration) {
		end.Describe = false
		switch a {
		case pass:
			passOn(sig)
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
		case order.Overtime:
			alarm.overtime = true
			client.Report(control.Report{Overtime: true})
			do(relay.order(order.Signal), order.Signal, orderTime)
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
		case sig := <-alarm.rings:
			alarm.rang = true
			if t.Signal(sig); sig == syscall.SIGKILL {
				t.Kill()
			}
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
