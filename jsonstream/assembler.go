package jsonstream

import (
	"io"
	"slices"
	"sync"
	"time"

	"pgtest/jsonstream/result"
)

// assembler keeps what each running test printed and decides when it ends. It
// belongs to the goroutine that reads; mu guards what Running looks at.
type assembler struct {
	spool *spool
	exec  *execution
	view  *renderer
	junit bool
	hold  bool // outputs are wanted after the test's end

	mu     sync.Mutex
	begins map[[2]string]stamp         // by package and test: see Stream.Began
	ran    map[[2]string]time.Duration // by package and test: see noteRan
	pkgs   map[string]*pkg
	order  []*pkg // as they appeared

	lastPkg      *pkg // the latest lookups: most lines are about the same test
	lastTest     *test
	first, last  stamp // earliest and latest event
	builds       map[string]*buffer
	interrupt    func() *result.Interruption
	file         *eventFile // nil for none
	build        io.Writer  // shows build output as it comes, or nil
	errors       *errorLog
	failedBuilds []string
	scratch      []byte
	free         []*test
}

// handle takes an event. Every event but those of a build belongs to a package.
func (a *assembler) handle(ev *event) {
	if ev.time.ok {
		if !a.first.ok || ev.time.before(a.first) {
			a.first = ev.time
		}
		if !a.last.ok || a.last.before(ev.time) {
			a.last = ev.time
		}
	}
	switch {
	case ev.kind == kindBuildOutput:
		a.buildOutput(ev)
	case ev.kind == kindBuildFail:
		a.failedBuilds = append(a.failedBuilds, string(ev.importPath.appendTo(nil)))
		a.view.event(ev, nil)
	case len(ev.test) == 0:
		a.packageEvent(a.pkg(ev), ev)
	default:
		a.testEvent(a.pkg(ev), ev)
	}
}

// buildOutput keeps what a compiler said, for the summary and for the packages
// that fail because of it.
func (a *assembler) buildOutput(ev *event) {
	if a.hold {
		path := string(ev.importPath.bytes(&a.scratch))
		b := a.builds[path]
		if b == nil {
			b = new(buffer)
			a.builds[path] = b
		}
		a.spool.add(b, ev.output)
	}
	line := ev.output.bytes(&a.scratch)
	if a.build != nil {
		a.build.Write(line)
	} else if a.errors.add(line) {
		a.exec.addError(line)
	}
	a.view.event(ev, nil)
}

// finish gives everything an end. It returns the tests that the renderer is to
// see as failed without an end, in order.
func (a *assembler) finish() []*test {
	var cut []*test
	interrupted := a.interrupt() != nil
	for _, p := range a.order {
		if p.state == pkgRunning {
			if a.file != nil {
				a.file.endPackage(p)
			}
			a.cutPackage(p, interrupted)
		}
		a.heedBegan(p)
		for t := p.running.first; t != nil; {
			next := t.next
			t.noEnd = true
			t.elapsed = a.ranFor(t)
			a.unlink(t, testFailed)
			p.keep(t, &p.failed)
			cut = append(cut, t)
			t = next
		}
		cut = append(cut, a.blameLate(p)...)
	}
	slices.SortStableFunc(cut, func(x, y *test) int {
		if x.pkg != y.pkg {
			return 0
		}
		return x.id - y.id
	})
	return cut
}
