package result

// End says how a test or a package ended. Its text is for people and for JSON.
type End string

const (
	NotRun      End = "not run"
	Passed      End = "passed"
	Skipped     End = "skipped"     // also a package without test files
	Quarantined End = "quarantined" // the test failed, which means nothing
	Failed      End = "failed"
	Raced       End = "data race"
	Panicked    End = "panicked"
	TimedOut    End = "timed out" // -timeout, not the run's own limit for tests
	Exited      End = "exited"    // the process ended before the test
	Killed      End = "killed"    // the process died of a signal
	BuildFailed End = "build failed"
	Interrupted End = "interrupted" // the run was being ended
	NoEnd       End = "no end"      // the events end before the package
)

// Failed reports whether the end is a failure. An interruption is none, and no
// success either; nor is "", which says that there is no end yet.
func (e End) Failed() bool {
	switch e {
	case "", NotRun, Passed, Skipped, Quarantined, Interrupted:
		return false
	}
	return true
}

// OK reports whether the test or the package passed or was skipped, or failed in
// quarantine.
func (e End) OK() bool { return e == Passed || e == Skipped || e == Quarantined }

// facts tell failures apart.
type facts struct {
	incomplete bool // a package that the stream ends before
	build      bool // a package that could not be built
	timedOut   bool
	raced      bool
	panicked   bool
	noEnd      bool // a test without an end, a package that failed without a failed test
	signal     bool // the process died of one, by the test's output
	beside     bool // another test of the package panicked
	excused    bool // a test that failed in quarantine
	process    End  // how the process ended, by the package's output; "" if unknown
}

// of returns the end that facts make of one: of several reasons for a failure the
// first in this order counts.
func (f facts) of(end End) End {
	switch {
	case end == Skipped && f.excused:
		return Quarantined
	case end != Failed:
		return end
	case f.incomplete:
		return NoEnd
	case f.build:
		return BuildFailed
	case f.timedOut:
		return TimedOut
	case f.raced:
		return Raced
	case f.panicked:
		return Panicked
	case !f.noEnd:
		return Failed
	case f.process == TimedOut:
		return TimedOut
	case f.signal:
		return Killed
	case f.beside:
		return Panicked
	case f.process != "":
		return f.process
	}
	return Exited
}

// facts are what is known of a package without reading what it printed.
func (p *Package) facts() facts {
	return facts{
		incomplete: p.NoEnd, build: p.FailedBuild != "", timedOut: p.TimedOut != "", panicked: p.Panicked,
		noEnd: len(p.Failed)+len(p.Interrupted) == 0,
	}
}

// facts are what is known of a test without reading what it printed.
func (t *Test) facts() facts {
	return facts{timedOut: t.Name == t.Package.TimedOut, panicked: t.Panicked, noEnd: t.NoEnd, beside: t.Package.Panicked, excused: t.quarantined}
}
