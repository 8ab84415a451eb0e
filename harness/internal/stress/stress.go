//go:build unix

// Package stress is the role of pgtest that runs a test binary again and again
// (`pgtest __stress`), several processes at once, until one of them fails. A
// supervisor starts it in place of the test binary. It prints what one process
// printed: the one that failed, else the last that passed.
package stress

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
	"pgtest/harness/steady"
)

// stdout is where go test reads what the test binary prints.
var stdout = steady.Writer(os.Stdout)

// Role is the first argument of a pgtest that runs a test binary again and
// again.
const Role = "__stress"

// Limits say how often and for how long a test binary is run.
type Limits struct {
	// Runs is how often to run it; 0 is no limit.
	Runs int
	// Time is how long new runs begin; 0 is no limit. One begins in any case.
	Time time.Duration
	// Timeout is the value of -timeout for each run; 0 is no limit.
	Timeout time.Duration
}

// Options are the role's settings, put on its command line by package words.
type Options struct {
	testproc.Options
	Limits
	// Package is the import path of the package that the binary tests.
	Package string
}

// Main runs the role with the words that follow its name: options, the test
// binary, and its arguments. It returns the exit status of the process that
// failed, or dies of its signal; if none did, the status is 0. If a signal asked
// it to end, the process dies of that signal.
func Main(args []string) int {
	var opts Options
	return testproc.Main(Role, args, &opts, func(command []string, client *control.Client, caught <-chan os.Signal) (int, syscall.Signal) {
		r := &runner{
			opts: opts, binary: command[0], args: runArgs(command[1:], opts.Timeout),
			client: client, signals: caught, began: time.Now(), family: proc.NewFamily(),
			limit: runtime.GOMAXPROCS(0), running: make(map[int]*testproc.Process), asked: make(map[int]bool), ended: make(chan run),
		}
		if opts.Time > 0 {
			r.timeUp = time.After(opts.Time)
		}
		return r.run()
	})
}

// A runner runs a test binary many times. All its decisions are made in loop, by
// one goroutine.
type runner struct {
	opts    Options
	binary  string
	args    []string        // of each run
	client  *control.Client // nil without a run
	signals <-chan os.Signal
	family  *proc.Family
	began   time.Time
	timeUp  <-chan time.Time // nil for never

	limit   int // how many processes may run at once; 0 until the run says
	started int
	done    int                       // runs that came to their end
	running map[int]*testproc.Process // by number
	asked   map[int]bool              // the numbers of those that wait for places
	ended   chan run
	stop    bool // start no more
	signal  syscall.Signal

	// shown is the run that failed, else the first of those that a signal ended,
	// else the last that passed.
	shown *run
}

// A run is one process of the test binary.
type run struct {
	number int
	state  testproc.State
	output *testproc.Spool
	failed bool
}

// reason says why a run failed where its output does not, or "".
func (r *run) reason() string {
	switch {
	case !r.state.Bad():
		return fmt.Sprintf("leaked processes: %d", len(r.state.Leaks))
	case r.state.StartErr != nil, r.state.Limit != "":
		return r.state.How()
	}
	return ""
}

// run runs the binary, and returns the exit status, or the signal to die of.
func (r *runner) run() (int, syscall.Signal) {
	if r.client != nil {
		r.limit = 0
		r.client.Report(control.Report{Tests: &control.Tests{Package: r.opts.Package, Count: r.opts.Runs}})
	}
	r.loop()
	stressed := &control.Stressed{Package: r.opts.Package, Runs: r.done, Elapsed: time.Since(r.began)}
	show := r.shown
	if show == nil {
		r.client.Report(control.Report{Stressed: stressed})
		return 1, r.signal
	}
	if !show.failed {
		if err := show.output.CopyTo(stdout); err != nil {
			fmt.Fprintf(stdout, "%spgtest: a part of the output is lost: %v\n", testtext.NameLine(""), err)
			show.failed = true
		}
	} else {
		stressed.Failed = true
		if reason := show.reason(); reason != "" {
			fmt.Fprintf(show.output, "pgtest: %s\n", reason)
		}
		var err error
		if stressed.Kept, err = r.keep(show); err != nil {
			fmt.Fprintf(stdout, "%spgtest: --stress: what repeats the failure can't be kept: %v\n", testtext.NameLine(""), err)
		}
	}
	r.client.Report(control.Report{Stressed: stressed})
	if r.signal != 0 {
		return 1, r.signal
	}
	return show.state.Exit(show.failed)
}

// loop starts runs and waits for their ends.
func (r *runner) loop() {
	orders := r.client.Orders()
	for {
		for r.mayStart() {
			r.ask()
		}
		if len(r.running) == 0 && (r.stop || r.allStarted() && len(r.asked) == 0) {
			return
		}
		select {
		case end := <-r.ended:
			r.take(end)
		case order, ok := <-orders:
			switch {
			case !ok:
				orders = nil
				r.limit = max(r.limit, 1)
			case order.Place != nil && r.asked[order.Place.Process] && !r.stop:
				r.start(order.Place.Process, order.Place.Env)
			case order.Tests != nil:
				r.limit = max(order.Tests.Processes, 1)
			}
		case sig := <-r.signals:
			r.interrupt(sig.(syscall.Signal))
		case <-r.timeUp:
			r.opts.Runs = max(r.started, 1)
		}
	}
}

func (r *runner) allStarted() bool { return r.opts.Runs > 0 && r.started >= r.opts.Runs }

func (r *runner) mayStart() bool {
	return !r.stop && len(r.running)+len(r.asked) < r.limit && !r.allStarted()
}

// ask asks for a place for another run, or starts it if there is nobody to ask.
func (r *runner) ask() {
	r.started++
	if r.client == nil {
		r.start(r.started, nil)
		return
	}
	r.asked[r.started] = true
	dir, _ := os.Getwd()
	r.client.Report(control.Report{Asks: &control.Asks{Package: r.opts.Package, Dir: dir, Process: r.started}})
}

func (r *runner) start(number int, env []string) {
	delete(r.asked, number)
	this := run{number: number, output: new(testproc.Spool)}
	p := testproc.New(r.family, append(r.opts.Via, r.binary), r.args)
	p.Args(nil, env)
	r.running[this.number] = p
	name := fmt.Sprintf("run %d", this.number)
	go func() {
		out := &keeper{spool: this.output}
		stopLimit, pid := func() {}, 0
		this.state = p.Run(out, out, func() {
			stopLimit, pid = p.LimitTo(r.opts.TestTimeout), p.PID()
			r.client.Report(control.Report{Running: &control.Running{Test: name, PID: pid}})
		})
		stopLimit()
		r.client.Report(control.Report{Running: &control.Running{Test: name, PID: pid, Ended: true}})
		r.client.Report(control.Report{Done: &control.Done{Process: number}})
		if out.err != nil && this.state.StartErr == nil {
			this.state.StartErr = fmt.Errorf("a part of the output is lost: %w", out.err)
		}
		this.failed = !this.state.Interrupted && (this.state.Bad() || r.opts.FailOnLeaks && len(this.state.Leaks) > 0)
		r.ended <- this
	}()
}

// take records the end of a run. The first failure ends the others, which get
// SIGTERM: their results do not matter any more.
func (r *runner) take(end run) {
	delete(r.running, end.number)
	if len(end.state.Leaks) > 0 {
		r.client.Report(control.Report{Leaked: &control.Leaked{Package: r.opts.Package, Leaks: end.state.Leaks}})
	}
	if r.shown != nil && r.shown.failed {
		return
	}
	if end.state.Interrupted {
		if r.shown == nil || !r.shown.state.Interrupted {
			r.shown = &end
		}
		return
	}
	r.done++
	r.shown = &end
	if end.failed {
		r.stop = true
		for _, p := range r.running {
			p.Terminate()
		}
	}
}

// interrupt stops the role. Where the supervisor can find the processes, it has
// sent them the signal itself.
func (r *runner) interrupt(sig syscall.Signal) {
	r.stop, r.signal = true, sig
	for _, p := range r.running {
		p.Cancel(sig)
	}
}

// A keeper keeps the output of a run. It takes all of it: a process whose output
// is not read would wait.
type keeper struct {
	spool *testproc.Spool
	err   error
}

func (k *keeper) Write(b []byte) (int, error) {
	if k.err == nil {
		_, k.err = k.spool.Write(b)
	}
	return len(b), nil
}

// runArgs returns the arguments of each run: those of go test, with the time
// limit of a run, and without the log of what a test reads, which runs at the
// same time can't share.
func runArgs(args []string, timeout time.Duration) []string {
	args = testproc.Filter(args, func(name, _ string) bool { return name != "timeout" && name != "testlogfile" })
	return append([]string{"-test.timeout=" + timeout.String()}, args...)
}
