//go:build unix

package pertest

import (
	"fmt"
	"strings"
	"syscall"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
)

// A result is the outcome of a test's process.
type result struct {
	test   *test
	state  testproc.State
	failed bool
	any    bool     // package testing counts it as run
	ended  bool     // package testing came to its end
	extra  []string // the tests that are not listed
	// coverage is what package testing says about it.
	coverage string
	coverErr error
}

func (r *runner) take(res result) {
	delete(r.running, res.test)
	r.any = r.any || res.any
	r.takeLeaks(res.test.name, res.state.Leaks)
	if len(res.extra) > 0 {
		r.undivided("%s of %s: not in the list that the test binary prints, so in a process for all of these",
			strings.Join(res.extra, ", "), r.pkg)
	}
	if r.isLast(res.test) {
		r.last = res
	}
	if res.coverErr != nil {
		r.reasons = append(r.reasons, "coverage: "+res.coverErr.Error())
	}
	if res.failed {
		r.failed = true
		r.failfast = r.binary.failsFast()
	}
}

func (r *runner) takeLeaks(test string, leaks []control.Leak) {
	if len(leaks) == 0 {
		return
	}
	for i := range leaks {
		leaks[i].Test = test
	}
	r.client.Report(control.Report{Leaked: &control.Leaked{Package: r.pkg, Leaks: leaks}})
	if test == "" && r.opts.FailOnLeaks {
		r.reasons = append(r.reasons, fmt.Sprintf("leaked processes: %d, outside of tests", len(leaks)))
	}
}

// undivided reports why tests have no process of their own.
func (r *runner) undivided(format string, args ...any) {
	r.client.Report(control.Report{Undivided: &control.Undivided{Reason: fmt.Sprintf(format, args...)}})
}

// conclude writes what follows the tests, and returns the exit status, or the
// signal to die of.
func (r *runner) conclude() (int, syscall.Signal) {
	if len(r.waiting)+len(r.asked) > 0 && !r.failed {
		r.reasons = append(r.reasons, "timed out: "+r.timeoutText()+"; not all tests were run")
	}
	if r.printer.err != nil {
		r.reasons = append(r.reasons, "a part of the output is lost: "+r.printer.err.Error())
	}
	for _, reason := range r.reasons {
		r.failed = true
		fmt.Fprintf(stdout, "%spgtest: %s\n", testtext.NameLine(""), reason)
	}
	if len(r.tests) == 1 && !r.last.ended { // as the process ended, so does the package
		r.printer.writeEndings()
		return r.last.state.Exit(r.failed)
	}
	verdict, status := testtext.Pass, 0
	if r.failed {
		verdict, status = testtext.Fail, 1
	} else {
		r.files.joinTestlogs(len(r.tests))
	}
	if !r.any {
		fmt.Fprint(stdout, testtext.NoTests)
	}
	fmt.Fprint(stdout, testtext.EndLine(verdict))
	if r.last.coverage != "" {
		fmt.Fprintln(stdout, r.last.coverage)
	}
	r.printer.writeEndings()
	return status, 0
}
