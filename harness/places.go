package harness

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/places"
	"pgtest/harness/internal/supervisor"
	"pgtest/harness/override"
)

// PlaceVariables are what tests find in their environment about their places.
var PlaceVariables = []string{"PGTEST_SLOT", "PGTEST_GROUP_SLOT", "PGTEST_RUN_ID", "PGTEST_ATTEMPT"}

// SetsVariable reports whether a variable of tests is one that pgtest sets.
func SetsVariable(name string) bool {
	return strings.HasPrefix(name, "_PGTEST_") || slices.Contains(PlaceVariables, name)
}

// Places says how much runs at once.
type Places struct {
	// Packages is how many packages run at once; 0 is as many as go test runs.
	Packages int
	// Groups are those that overrides put packages and tests in.
	Groups []override.Group
}

// limitsPlaces reports whether packages or tests may have to wait for each other.
func (c Config) limitsPlaces() bool {
	limited, _ := c.Overrides.Limit()
	return limited || c.Places.Packages > 0 || len(c.Setups) > 0
}

// moreBuilds is how many packages may wait without a delay for what is built. For
// the go command a package that waits runs, and takes one of the places of -p.
const moreBuilds = 1000

// atOnce is how many packages go test would run at once.
func atOnce(line gotest.Line) int {
	n, err := strconv.Atoi(line.Settings().Parallel)
	if err != nil || n < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

// limitsOf are the limits of the places.
func limitsOf(cfg Config) places.Limits {
	if !cfg.limitsPlaces() {
		return places.Limits{}
	}
	processors := atOnce(gotest.Parse(cfg.Args))
	l := places.Limits{Packages: cmp.Or(cfg.Places.Packages, processors), Groups: make(map[string]int)}
	if _, weight := cfg.Overrides.Limit(); weight {
		l.Weight = max(processors, cfg.Places.Packages)
	}
	for _, g := range cfg.Places.Groups {
		l.Groups[g.Name] = g.Max
	}
	return l
}

// buildsAtOnce is how many tools of the go command run at once, 0 if -p says it.
// With -failfast go would have begun what is to be left out.
func (i *invocation) buildsAtOnce() int {
	line := gotest.Parse(i.cfg.Args)
	if !i.cfg.limitsPlaces() || i.cfg.Terminal || i.cfg.Archive != nil || line.Settings().FailFast {
		return 0
	}
	return atOnce(line)
}

// widened changes a command line of go test so that packages can wait for places:
// go neither counts the time nor delays what it builds. Nor does it count where a
// test may run for longer than -timeout.
func (i *invocation) widened(args []string, opts supervisor.Options) ([]string, supervisor.Options) {
	limited, timeout := i.cfg.limitsPlaces(), i.cfg.goTimeout()
	if !limited && !i.cfg.Overrides.Outlasts("", timeout) {
		return args, opts
	}
	line := gotest.Parse(args)
	if limited && !line.Settings().FailFast && !i.cfg.Terminal {
		line = line.With("p", strconv.Itoa(atOnce(line)+moreBuilds))
	}
	if timeout > 0 {
		opts.GoTimeout = timeout
		line = line.With("timeout", "0")
	}
	return line.Words(), opts
}

// addTests adds to a package's request for a place the tests that its process may
// run, if rules are for some of them.
func (i *invocation) addTests(m *control.Asks) {
	if limited, _ := i.cfg.Overrides.Limit(); !limited || len(m.Tests) > 0 || !i.cfg.Overrides.OfTests(m.Package) {
		return
	}
	if h := i.cfg.Archive; h != nil {
		for _, p := range h.Packages {
			for _, t := range p.Tests {
				if p.ImportPath == m.Package {
					m.Tests = append(m.Tests, t.Name)
				}
			}
		}
		return
	}
	files, _ := filepath.Glob(filepath.Join(m.Dir, "*_test.go"))
	m.Tests, _ = sources.NamesOf("", files, sources.Tests...)
}

// A place is what a supervisor asks for, with process 0, or a role for one of its
// processes.
type place struct {
	of      *supervised
	process int
}

// request is one for a place.
type request struct {
	control.Asks
	since time.Time
	setup string // the name of one that has to end before, "" if none has
}

// asks handles a request for a place.
func (p *plan) asks(s *supervised, m control.Asks, at time.Time) []step {
	key := place{s, m.Process}
	p.asking[key] = request{Asks: m, since: at}
	return p.afterSetups(key, at)
}

// need is what has to be free for a request.
func (p *plan) need(m control.Asks) places.Need {
	company := p.overrides.Company(m.Package, m.Process == 0 || len(m.Tests) == 0, m.Tests)
	need := places.Need{Kind: places.Package, Groups: company.Groups, Weight: company.Weight}
	switch {
	case m.Process > 0:
		need.Kind = places.Process
	case m.Divided:
		need.Kind = places.Divided
	}
	return need
}

// waits reports whether a supervisor waits for its place.
func (p *plan) waits(s *supervised) bool {
	_, is := p.asking[place{s, 0}]
	return is
}

// freeSlot takes back the number of a package whose processes now have their own.
// It had one for what lists the tests.
func (p *plan) freeSlot(pkg string) {
	for _, s := range p.present {
		if s.state == running && s.process.Package == pkg {
			p.places.FreeSlot(place{s, 0})
		}
	}
}

// release takes back the places of a process, or all of a connection.
func (p *plan) release(at time.Time, is func(place) bool) []step {
	var steps []step
	for key, w := range p.asking {
		if is(key) {
			delete(p.asking, key)
			steps = append(steps, w.note(at))
		}
	}
	return append(steps, p.grant(p.places.Release(is), at)...)
}

func (p *plan) releaseAll(s *supervised, at time.Time) []step {
	return p.release(at, func(key place) bool { return key.of == s })
}

// grant lets those run that have got a place, unless everything is asked to end:
// then they leave without.
func (p *plan) grant(grants []places.Grant[place], at time.Time) []step {
	var steps []step
	for _, g := range grants {
		w := p.asking[g.Key]
		delete(p.asking, g.Key)
		if at.After(w.since) || p.asked != 0 {
			steps = append(steps, w.note(at))
		}
		if p.asked != 0 {
			continue
		}
		order := control.Order{Place: &control.Place{Process: w.Process, Env: p.variables(g)}}
		if w.Process == 0 {
			order.Selection = p.selectFor(w.Package)
			order.Place.Env = append(p.setupEnv(w.Package), order.Place.Env...)
		}
		steps = append(steps, step{verb: send, to: g.Key.of, order: order})
	}
	return steps
}

// variables are the place in the environment of a process.
func (p *plan) variables(g places.Grant[place]) []string {
	group := ""
	if g.GroupSlot >= 0 {
		group = strconv.Itoa(g.GroupSlot)
	}
	var env []string
	for n, value := range []string{strconv.Itoa(g.Slot), group, p.runID, strconv.Itoa(p.attempt)} {
		env = append(env, PlaceVariables[n]+"="+value)
	}
	return env
}

// waitsFor says what a package waits for before it runs, or its processes if none
// of them runs, "" if it does not.
func (p *plan) waitsFor(pkg string) string {
	for key, w := range p.asking {
		if w.Package != pkg || len(key.of.children) > 0 {
			continue
		}
		if w.setup != "" {
			return "for setup " + w.setup
		}
		if groups := p.places.Lacks(key); len(groups) > 0 {
			return "for " + strings.Join(groups, " and ")
		}
		return "for a place"
	}
	return ""
}

// withoutPlaces removes the variables of a run around this one. Go would take them
// for what the tests read.
func withoutPlaces(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(PlaceVariables, name)
	})
}

// runID is the number in the name of the run's directory.
func runID(dir string) string {
	var id string
	fmt.Sscanf(filepath.Base(dir), "pgtest-%s", &id)
	return id
}
