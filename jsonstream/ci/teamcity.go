package ci

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf16"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// NewTeamCity returns a sink that shows a stream as service messages: a suite and
// a flow for each package, and each test when it has ended, because a flow can't
// have two at once.
func NewTeamCity(out *sink.Screen) sink.Sink {
	return &teamCity{out: out, suites: make(map[*result.Package]bool)}
}

type teamCity struct {
	sink.None
	out    *sink.Screen
	suites map[*result.Package]bool // those that have begun and not ended
}

func (c *teamCity) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

// message writes a service message with attributes, which are names and values by
// turns.
func (c *teamCity) message(p *result.Package, name string, attributes ...string) {
	var b strings.Builder
	b.WriteString("##teamcity[" + name)
	for i := 0; i < len(attributes); i += 2 {
		fmt.Fprintf(&b, " %s='%s'", attributes[i], teamCityValue(attributes[i+1]))
	}
	fmt.Fprintf(&b, " flowId='%s']\n", teamCityValue(p.Path))
	c.out.Command(b.String())
}

// teamCityValue escapes a value. What is not ASCII is written by its code,
// because an agent may take the log to be in any encoding.
func teamCityValue(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune("|'[]", r):
			b.WriteString("|" + string(r))
		case r == '\n':
			b.WriteString("|n")
		case r == '\r':
			b.WriteString("|r")
		case r < ' ' || r > '~':
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, "|0x%04x", unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func (c *teamCity) begin(p *result.Package) {
	if !c.suites[p] {
		c.suites[p] = true
		c.message(p, "testSuiteStarted", "name", p.Path)
	}
}

func (c *teamCity) end(p *result.Package) {
	if c.suites[p] {
		delete(c.suites, p)
		c.message(p, "testSuiteFinished", "name", p.Path)
	}
}

// test writes a test, whether it failed or not, with what it printed.
func (c *teamCity) test(f result.Failure) {
	name := f.Name()
	if f.Test == nil {
		name = "TestMain" // as the JUnit report has it
	}
	c.begin(f.Package)
	c.message(f.Package, "testStarted", "name", name, "captureStandardOutput", "false")
	for text := range pieces(f.Output()) {
		c.message(f.Package, "testStdOut", "name", name, "out", text)
	}
	switch {
	case f.End == result.Skipped, f.End == result.Quarantined:
		c.message(f.Package, "testIgnored", "name", name, "message", f.Test.SkipMessage())
	case f.End != result.Passed:
		c.message(f.Package, "testFailed", "name", name, "message", f.Why, "details", string(excerpt(f.Output(), maxOutput)))
	}
	c.message(f.Package, "testFinished", "name", name, "duration", fmt.Sprint(f.Elapsed.Milliseconds()))
}

// pieces joins lines to texts that a message can hold.
func pieces(lines iter.Seq[[]byte]) iter.Seq[string] {
	return func(yield func(string) bool) {
		var text []byte
		for line := range lines {
			if len(text) > 0 && len(text)+len(line) > maxOutput {
				if !yield(string(text)) {
					return
				}
				text = text[:0]
			}
			text = append(text, line...)
		}
		if len(text) > 0 {
			yield(string(text))
		}
	}
}

func (c *teamCity) TestEnded(t *result.Test) {
	f := result.Failure{Package: t.Package, Test: t, End: t.End(), Elapsed: t.Elapsed}
	if t.End().Failed() {
		f.End, f.Why = t.Why(result.Death{}) // the process still runs
	}
	c.test(f)
}

// PackageEnded ends a suite if nothing more can come of its package.
func (c *teamCity) PackageEnded(p *result.Package) {
	switch {
	case !p.End().OK():
		c.begin(p)
	case p.Tests == p.PassedTests+len(p.Failed)+len(p.Skipped):
		c.end(p)
	}
}

func (c *teamCity) NextRound(r *result.Results) {
	for _, p := range r.Packages() {
		if !c.suites[p] {
			continue
		}
		death := p.Death()
		for _, t := range p.Failed {
			if t.NoEnd {
				end, why := t.Why(death)
				c.test(result.Failure{Package: p, Test: t, End: end, Why: why, Elapsed: t.Elapsed})
			}
		}
		for _, f := range p.Alone(death) {
			c.test(f)
		}
		c.end(p)
	}
}

func (c *teamCity) Close(r *result.Results) error {
	c.NextRound(r)
	return nil
}
