// Package watch notices which files are saved, and plans the runs that they call
// for. It runs no tests and touches no terminal.
package watch

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/harness/reach"
)

// A Run is tests to run.
type Run struct {
	// Dir is the directory to run in; "" is the present one.
	Dir string
	// Packages are import paths or patterns; if there are none, those of the
	// command line.
	Packages []string
	// Pattern is a value for -run, or "".
	Pattern string
	// Update passes -update to the tests.
	Update bool
	// TestFiles says that test files of the only package changed, and nothing
	// that others can see.
	TestFiles bool

	saved  bool // because of a save
	follow bool // because of what was written during the run before
}

// An Outcome is what came of a Run.
type Outcome struct {
	// Done are the packages that came to an end of their own, and Failed those
	// of them that failed, with their failed tests.
	Done   []string
	Failed map[string][]string
	// Stopped says that the user ended the run.
	Stopped bool
}

// A Verb is what a Step does.
type Verb int

const (
	// Print writes Text.
	Print Verb = iota
	// Clear clears the screen.
	Clear
	// Load loads the graph beside everything else; Loaded is the answer.
	Load
	// Start starts Run; RunEnded is the answer.
	Start
	// Cancel ends what Start started, quietly.
	Cancel
	// Vet checks the packages of Run with go vet; Vetted is the answer.
	Vet
	// Drop ends a Load or a Vet that is going on, without an answer.
	Drop
	// Report says what is running.
	Report
	// Debug starts the debugger on Run; Debugged is the answer.
	Debug
	// Quit ends the watch.
	Quit
)

// A Step is one action of the plan's answer. Steps are carried out in order.
type Step struct {
	Verb  Verb
	Text  string
	Run   Run
	Tests []string // to stop in, for Debug
	Err   error    // why to Quit
}

// phase is what is going on.
type phase int

const (
	idle phase = iota
	running
	ending    // the run was cancelled
	debugging // the debugger has the terminal
)

// Options say how to watch.
type Options struct {
	// Root is the present directory. Names that are shown are relative to it.
	Root string
	// Named are the packages of the command line.
	Named []string
	// Chdir has the tests of a save run in the directory of their package.
	Chdir bool
	// Clear clears the screen before each run.
	Clear bool
	// Vet has what tests passed checked by go vet afterwards.
	Vet bool
}

// A Plan decides what a watch does. Each event is a method that returns steps
// and has no other effect.
//
//	         save or key          save or key          RunEnded
//	idle ───────────────▶ running ───────────▶ ending ──────────▶ the next run
//	  ▲      RunEnded        │
//	  └──────────────────────┘
//
// While nothing else goes on, the plan has the graph loaded if a save made it
// stale, and go vet look at what was tested. The next run drops both.
type Plan struct {
	opts   Options
	phase  phase
	graph  *reach.Graph // nil before it was loaded
	failed map[string][]string

	arrived []reach.Change // not planned yet
	lost    bool           // nobody knows what else has changed
	// A new graph must tell which tests first calls for, and is being loaded
	// while loading is set.
	first   []reach.Change
	loading bool
	stale   bool // the graph is to be loaded again some time
	tell    bool // how many directories are watched then
	busy    bool // a Load or a Vet goes on that a run may drop

	todo    []string      // packages to run because of saves
	rest    []string      // those of the present saves that the present run does not hold
	next    func() []Step // what a key asked for, in place of todo
	current Run
	last    *Run
	later   []reach.Change // written while the tests ran that may have written them
	follow  bool           // todo is because of that
	// testFiles says that todo is one package, because of its test files.
	testFiles bool
	vet       *Run // not vetted since it ran

	pattern string // for -run, of all runs to come
	asking  bool   // for the pattern
	typed   []byte
	quit    bool
}

// NewPlan returns the plan of a watch that has yet to begin.
func NewPlan(o Options) *Plan { return &Plan{opts: o, failed: make(map[string][]string)} }

// Begin has the graph loaded.
func (p *Plan) Begin() []Step { return p.load() }

func (p *Plan) load() []Step {
	p.loading, p.stale = true, false
	return []Step{{Verb: Load}}
}

func say(format string, args ...any) Step {
	return Step{Verb: Print, Text: fmt.Sprintf(format, args...)}
}

// Loaded takes a graph, for which so many directories are watched, or the reason
// why there is none. Then the graph before stays; without one the watch ends.
func (p *Plan) Loaded(g *reach.Graph, dirs int, err error) []Step {
	var steps []Step
	switch {
	case err != nil && p.graph == nil:
		return []Step{{Verb: Quit, Err: err}}
	case err != nil:
		steps = append(steps, say("pgtest: %v\n", err))
	case p.graph == nil || p.tell:
		steps = append(steps, say("Watching %d directories. Use Ctrl-c to stop a run or exit.\n", dirs))
	}
	p.tell = false
	if g != nil {
		p.graph = g
		p.todo = slices.DeleteFunc(p.todo, func(pkg string) bool { return g.Package(pkg) == nil })
	}
	changes, lost := p.first, p.loading && p.lost
	p.first, p.loading, p.busy = nil, false, false
	p.take(changes)
	if lost {
		p.lost = false
		p.takeAll()
	}
	return append(steps, p.proceed()...)
}

// Saved takes what changed.
func (p *Plan) Saved(b Burst) []Step {
	p.lost = p.lost || b.Lost
	p.arrived = append(p.arrived, p.postpone(b.Changes)...)
	return p.proceed()
}

// postpone takes out what the tests that run may have written themselves: files
// of their packages that are no source. They would cancel their run for ever.
// Such a change calls for a run afterwards, which go answers from its cache if
// the tests don't see a difference; what is written in that run calls for none.
func (p *Plan) postpone(changes []reach.Change) []reach.Change {
	if p.phase != running {
		return changes
	}
	var rest []reach.Change
	for _, c := range changes {
		pkgs, _ := p.graph.Affected([]reach.Change{c}, p.hasFailed)
		base := filepath.Base(c.Path)
		own := len(pkgs) > 0 && !reach.IsSource(base) && !reach.IsModuleFile(base)
		for _, pkg := range pkgs {
			own = own && p.current.holds(pkg)
		}
		if own {
			p.later = append(p.later, c)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// holds reports whether a run may run a package. A pattern may match any.
func (r Run) holds(pkg string) bool {
	return len(r.Packages) == 0 || slices.ContainsFunc(r.Packages, func(named string) bool {
		return named == pkg || strings.HasPrefix(named, ".") || strings.Contains(named, "...")
	})
}

func (p *Plan) hasFailed(pkg string) bool {
	_, failed := p.failed[pkg]
	return failed
}

// take plans the tests that changes call for, by the graph that there is.
func (p *Plan) take(changes []reach.Change) {
	pkgs, reload := p.graph.Affected(changes, p.hasFailed)
	p.stale = p.stale || reload == reach.Stale
	p.want(pkgs)
	p.testFiles = len(p.todo) == 1 && !slices.ContainsFunc(changes, func(c reach.Change) bool { return !strings.HasSuffix(c.Path, "_test.go") })
}

// takeAll plans all tests.
func (p *Plan) takeAll() {
	var all []string
	for _, pkg := range p.graph.Packages() {
		if pkg.Chosen && pkg.Tests {
			all = append(all, pkg.Path)
		}
	}
	p.want(all)
}

// want puts packages in front of those that are to run.
func (p *Plan) want(pkgs []string) {
	if len(pkgs) == 0 {
		return
	}
	p.next, p.follow, p.testFiles = nil, false, false
	p.todo = append(slices.Clone(pkgs), without(p.todo, pkgs)...)
}

func without(all, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(drop, s) })
}

// sort plans what has arrived, or keeps it for a new graph. What is gone is
// known to the old one alone.
func (p *Plan) sort() {
	changes := p.arrived
	p.arrived = nil
	pkgs, reload := p.graph.Affected(changes, p.hasFailed)
	switch {
	case reload == reach.Unknown:
		p.want(pkgs)
		p.first = append(p.first, changes...)
	case len(changes) > 0:
		p.take(changes)
	}
}

// proceed does what can be done next.
func (p *Plan) proceed() []Step {
	switch {
	case p.quit && p.phase == idle:
		return append(p.drop(), Step{Verb: Quit})
	case p.graph == nil, p.loading && !p.busy, p.asking, p.phase == debugging, p.phase == ending:
		return nil
	}
	p.sort()
	reload := len(p.first) > 0 || p.lost
	if p.phase == running {
		if !reload && len(p.todo) == 0 && p.next == nil && !p.quit {
			return nil
		}
		p.phase = ending
		return []Step{{Verb: Cancel}}
	}
	switch {
	case reload:
		return append(p.drop(), p.load()...)
	case p.next != nil:
		next := p.next
		p.next, p.todo = nil, nil
		steps := append(p.drop(), next()...)
		return append(steps, p.proceed()...)
	case len(p.todo) > 0:
		return append(p.drop(), p.start(p.savedRun())...)
	case p.busy:
		return nil
	case p.stale:
		p.busy = true
		return p.load()
	case p.vet != nil:
		p.busy = true
		return []Step{{Verb: Vet, Run: *p.vet}}
	}
	return nil
}

// drop ends what goes on beside.
func (p *Plan) drop() []Step {
	if !p.busy && !p.loading {
		return nil
	}
	p.stale = p.stale || p.loading
	p.busy, p.loading = false, false
	return []Step{{Verb: Drop}}
}

// savedRun is the run of the packages in todo: of all of them, or with Chdir of
// those of the first one's module, in the first one's directory.
func (p *Plan) savedRun() Run {
	run := Run{Packages: p.todo, Pattern: p.pattern, saved: true, follow: p.follow, TestFiles: p.testFiles && len(p.todo) == 1}
	p.todo, p.follow, p.testFiles = nil, false, false
	if lead := p.graph.Package(run.Packages[0]); p.opts.Chdir && lead != nil {
		all := run.Packages
		run.Dir, run.Packages = lead.Dir, slices.DeleteFunc(slices.Clone(all), func(pkg string) bool {
			known := p.graph.Package(pkg)
			return known == nil || known.Module != lead.Module
		})
		p.rest = without(all, run.Packages)
	}
	return run
}

// start starts a run.
func (p *Plan) start(r Run) []Step {
	p.phase, p.current = running, r
	again := r
	again.Update, again.saved, again.follow = false, false, false
	p.last = &again
	var steps []Step
	if p.opts.Clear {
		steps = append(steps, Step{Verb: Clear})
	}
	return append(steps, say("\nRunning tests in %s\n", p.describe(r)), Step{Verb: Start, Run: r})
}

// shownPackages is how many packages of a run are named.
const shownPackages = 3

func (p *Plan) describe(r Run) string {
	names := r.Packages
	if len(names) == 0 {
		names = p.opts.Named
	}
	var shown []string
	for i, name := range names {
		if i == shownPackages && len(names) > i+1 {
			shown = append(shown, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		shown = append(shown, p.show(name))
	}
	text := strings.Join(shown, " ")
	if r.Pattern != "" {
		text += " with -run=" + r.Pattern
	}
	if r.Update {
		text += " with -update"
	}
	return text
}

// show returns a package's directory as a pattern, or the import path of one
// that is elsewhere.
func (p *Plan) show(name string) string {
	pkg := p.graph.Package(name)
	if pkg == nil {
		return name
	}
	rel, err := filepath.Rel(p.opts.Root, pkg.Dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return name
	}
	return "./" + strings.TrimPrefix(rel, ".")
}

// RunEnded takes what came of a run.
func (p *Plan) RunEnded(o Outcome) []Step {
	canceled := p.phase == ending
	p.phase = idle
	for _, pkg := range o.Done {
		delete(p.failed, pkg)
		if tests, failed := o.Failed[pkg]; failed {
			p.failed[pkg] = tests
		}
	}
	rest := p.rest
	if canceled && p.current.saved {
		rest = append(without(p.current.Packages, o.Done), rest...)
	}
	p.rest = nil
	later := p.later
	p.later = nil
	var steps []Step
	switch {
	case o.Stopped:
		p.todo, p.next, p.arrived = nil, nil, nil
		return p.proceed()
	case canceled:
		p.arrived = append(p.arrived, later...)
	case len(later) == 0 || p.current.Update:
	case p.current.follow:
		steps = append(steps, say("pgtest: %s is written while its tests run; no further run\n", p.name(later[0].Path)))
	default:
		p.take(later)
		p.follow = true
	}
	p.todo = append(p.todo, without(rest, p.todo)...)
	if !canceled && p.opts.Vet {
		p.vetLater(p.current)
	}
	return append(steps, p.proceed()...)
}

// vetLater adds a run's packages to those that are not vetted.
func (p *Plan) vetLater(r Run) {
	if p.vet != nil && p.vet.Dir == r.Dir && len(p.vet.Packages) > 0 && len(r.Packages) > 0 {
		r.Packages = append(slices.Clone(r.Packages), without(p.vet.Packages, r.Packages)...)
	}
	p.vet = &r
}

// name is a path as the user knows it.
func (p *Plan) name(path string) string {
	if rel, err := filepath.Rel(p.opts.Root, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}

// Vetted takes what go vet said.
func (p *Plan) Vetted(output string) []Step {
	p.busy, p.vet = false, nil
	var steps []Step
	if output != "" {
		steps = append(steps, say("\npgtest: go vet:\n%s", output))
	}
	return append(steps, p.proceed()...)
}

// Debugged takes the end of the debugger, or why it could not start.
func (p *Plan) Debugged(err error) []Step {
	p.phase = idle
	var steps []Step
	if err != nil {
		steps = append(steps, say("pgtest: d: %v\n", err))
	}
	return append(steps, p.proceed()...)
}

// Problem takes the reason why something is not watched.
func (p *Plan) Problem(err error) []Step { return []Step{say("pgtest: --watch: %v\n", err)} }

// Interrupted takes a Ctrl-C while nothing runs.
func (p *Plan) Interrupted() (quit bool, steps []Step) {
	if !p.asking {
		return true, nil
	}
	return false, p.answered("", false)
}
