package result

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// Options say what Results keep, and which Watcher they call.
type Options struct {
	// Spool holds outputs. Its owner closes it.
	Spool *spool.Spool
	// Outputs keeps what tests print until they pass. Without it nobody can ask
	// for outputs, and they are not even decoded.
	Outputs bool
	// Passed calls Watcher for tests that passed, too.
	Passed bool
	// Passes counts how often each test passed, where another round may run
	// its package again.
	Passes  bool
	Watcher Watcher
	// BuildShown says that what the build prints is shown as it comes, so that it
	// counts as no error.
	BuildShown bool
	// Errors gets what the build prints otherwise.
	Errors *Errors
}

// The goroutine that passes in the events calls a Watcher when something ends.
type Watcher interface {
	// TestEnded has its test whole, with its outputs. A test that passes without
	// an end event has NoEnd. A test that fails without one ends with the stream.
	TestEnded(*Test)
	// PackageEnded comes before the package's open tests get their ends. With
	// NoEnd the stream ends before the package.
	PackageEnded(*Package)
}

// Results are what the events of a stream say so far: packages, their tests,
// and what these printed. They belong to the goroutine that hands in the
// events, except for the methods that say otherwise.
type Results struct {
	opts  Options
	spool *spool.Spool

	mu     sync.Mutex                   // guards what Running looks at
	begins map[[2]string]event.Stamp    // by package and test: see Began
	ran    map[[2]string]time.Duration  // by package and test: see RanFor
	waited map[string]time.Duration     // by package: see Waited
	pkgs   map[string]*Package          // by import path: the latest run of each
	order  []*Package                   // as they appeared
	round  int                          // 0 is the run itself, 1 its first rerun
	from   int                          // where in order the present round begins
	stop   atomic.Pointer[Interruption] // nil: the run is not being ended
	builds map[string]*spool.Buffer     // what compilers said, by package

	lastPackage  *Package // the latest lookups: most lines are about the same test
	lastTest     *Test
	first, last  event.Stamp // earliest and latest event
	failedBuilds []string
	settled      bool // the present round has ended
	cut          []*Test
	scratch      []byte
	free         []*Test
}

// New returns Results of no event.
func New(opts Options) *Results {
	return &Results{
		opts:   opts,
		spool:  opts.Spool,
		pkgs:   make(map[string]*Package),
		builds: make(map[string]*spool.Buffer),
	}
}

// CountPasses turns Options.Passes on, before the first test ends.
func (r *Results) CountPasses() { r.opts.Passes = true }

// Handle takes an event and returns its package. It returns nil for an event of a
// build, and for one that is of no consequence because its test is over.
func (r *Results) Handle(ev *event.Event) *Package {
	if ev.Time.Known() {
		if !r.first.Known() || ev.Time.Before(r.first) {
			r.first = ev.Time
		}
		if !r.last.Known() || r.last.Before(ev.Time) {
			r.last = ev.Time
		}
	}
	switch {
	case ev.Kind == event.BuildOutput:
		r.buildOutput(ev)
		return nil
	case ev.Kind == event.BuildFail:
		r.failedBuilds = append(r.failedBuilds, ev.ImportPath.String())
		return nil
	}
	p := r.pkg(ev)
	if len(ev.Test) == 0 {
		r.packageEvent(p, ev)
	} else if !r.testEvent(p, ev) {
		return nil
	}
	return p
}

// buildOutput keeps what a compiler said, for the packages that fail because of
// it and for the errors.
func (r *Results) buildOutput(ev *event.Event) {
	if r.opts.Outputs {
		path := string(ev.ImportPath.Bytes(&r.scratch))
		b := r.builds[path]
		if b == nil {
			b = new(spool.Buffer)
			r.builds[path] = b
		}
		r.spool.Add(b, ev.Output)
	}
	if !r.opts.BuildShown {
		r.opts.Errors.Add(ev.Output.Bytes(&r.scratch))
	}
}

// Interrupt says that the run is being ended. Only the first call counts. It may
// be called from any goroutine.
func (r *Results) Interrupt(i Interruption) {
	r.stop.CompareAndSwap(nil, &i)
	r.opts.Errors.Interrupt()
}

// Interruption returns when and why the run was ended, nil if it was not. It may
// be called from any goroutine.
func (r *Results) Interruption() *Interruption { return r.stop.Load() }

// EndRound gives everything in the present round an end.
func (r *Results) EndRound() {
	if r.settled {
		return
	}
	r.settled = true
	interrupted := r.Interruption() != nil
	for _, p := range r.order[r.from:] {
		if p.end == "" {
			p.NoEnd = true
			r.last = p.EndedAt()
			r.opts.Watcher.PackageEnded(p)
			r.cutPackage(p, interrupted)
		}
		for _, t := range p.Interrupted {
			t.Elapsed = max(t.Elapsed, t.RanFor()) // it may have begun earlier than was known
		}
		for t := p.running.first; t != nil; {
			next := t.next
			t.NoEnd = true
			t.Elapsed = t.RanFor()
			r.unlink(t, Failed)
			p.Failed = append(p.Failed, t)
			r.cut = append(r.cut, t)
			t = next
		}
		r.cut = append(r.cut, r.blameLate(p)...)
	}
}

// NextRound begins another round: what follows is a new run of its packages.
func (r *Results) NextRound() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.round, r.from = r.round+1, len(r.order)
	r.settled, r.cut = false, nil
	r.begins, r.ran = nil, nil
	r.lastPackage, r.lastTest = nil, nil
}

// Rounds is how many rounds there were.
func (r *Results) Rounds() int { return r.round + 1 }

// Cut returns the tests of the present round that failed because they have no
// end, by package in the order of their starts. They are known after EndRound.
func (r *Results) Cut() []*Test { return r.cut }

// Packages returns the packages by import path: of several runs of one the
// earliest first.
func (r *Results) Packages() []*Package {
	return slices.SortedStableFunc(slices.Values(r.order), func(x, y *Package) int { return strings.Compare(x.Path, y.Path) })
}

// Elapsed is the time from the earliest event to the latest one, or to the
// interruption of what has no end. It reports false if no event had a time.
func (r *Results) Elapsed() (time.Duration, bool) { return r.first.Until(r.last), r.first.Known() }

// Round says what came of each package in the present round, in the order in
// which they appeared, with failures told apart by what was printed. It is
// called after EndRound.
func (r *Results) Round() []PackageReport {
	var all []PackageReport
	for _, p := range r.order[r.from:] {
		all = append(all, p.detailed())
	}
	return all
}

// Report says what came out. Tests without an end have one by now.
func (r *Results) Report() Report {
	report := Report{
		Rounds: r.Rounds(), Errors: r.opts.Errors.Count(), FailedBuilds: r.failedBuilds, Started: r.first.Time(),
	}
	report.Elapsed, _ = r.Elapsed()
	for _, p := range r.Packages() {
		if p.earlier != nil {
			continue
		}
		pr := p.merged()
		report.Packages = append(report.Packages, pr)
		report.Tests += pr.Tests
		report.FailedTests += len(pr.Failed)
		report.FlakyTests += distinct(pr.Flaky)
		if pr.End.Failed() && len(pr.Failed) == 0 {
			report.FailedTests++
		}
		report.SkippedTests += len(pr.Skipped)
		for _, t := range pr.Skipped {
			if t.End == Quarantined {
				report.QuarantinedTests++
			}
		}
		report.InterruptedTests += len(pr.Interrupted)
	}
	return report
}
