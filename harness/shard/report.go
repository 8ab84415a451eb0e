package shard

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"pgtest/jsonstream/event"
)

// Names of the properties by which a JUnit report is a shard's.
const (
	shardProperty       = "pgtest.shard"
	planProperty        = "pgtest.shard.plan"
	commitProperty      = "pgtest.shard.commit"
	interruptedProperty = "pgtest.shard.interrupted"
)

// Properties are names and values for each suite of the shard's JUnit report. The
// last is for a run that does not come to its end.
func (m Mark) Properties() (all [][2]string, interrupted [2]string) {
	all = append(all, [2]string{shardProperty, fmt.Sprintf("%d/%d", m.Index, m.Total)})
	if m.Plan != "" {
		all = append(all, [2]string{planProperty, m.Plan})
	}
	if m.Commit != "" {
		all = append(all, [2]string{commitProperty, m.Commit})
	}
	return all, [2]string{interruptedProperty, "true"}
}

// report is a JUnit report as pgtest writes it.
type report struct {
	Suites []suite `xml:"testsuite"`
}

type suite struct {
	Name       string     `xml:"name,attr"`
	Time       float64    `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr"`
	Properties properties `xml:"properties>property"`
	Cases      []testcase `xml:"testcase"`
}

type properties []struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

func (p properties) get(name string) string {
	for _, property := range p {
		if property.Name == name {
			return property.Value
		}
	}
	return ""
}

type testcase struct {
	Name       string     `xml:"name,attr"`
	Class      string     `xml:"classname,attr"`
	Time       float64    `xml:"time,attr"`
	Timestamp  string     `xml:"timestamp,attr"`
	Properties properties `xml:"properties>property"`
	Failure    *outcome   `xml:"failure"`
	Error      *outcome   `xml:"error"`
	Skipped    *outcome   `xml:"skipped"`
	Flaky      []attempt  `xml:"flakyFailure"`
	Rerun      []attempt  `xml:"rerunFailure"`
	Out        string     `xml:"system-out"`
}

type outcome struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type attempt struct {
	Time      float64 `xml:"time,attr"`
	Timestamp string  `xml:"timestamp,attr"`
	Type      string  `xml:"type,attr"`
	Message   string  `xml:"message,attr"`
	Text      string  `xml:"stackTrace"`
}

var errNoReport = errors.New("no JUnit report of a run with --shard")

func readReport(r io.Reader) (report, Mark, error) {
	var all report
	if err := xml.NewDecoder(r).Decode(&all); err != nil {
		return all, Mark{}, fmt.Errorf("no whole JUnit report: %w", err)
	}
	if len(all.Suites) == 0 {
		return all, Mark{}, errNoReport
	}
	p := all.Suites[0].Properties
	m := Mark{Plan: p.get(planProperty), Commit: p.get(commitProperty), Ended: p.get(interruptedProperty) == ""}
	place := p.get(shardProperty)
	if _, err := fmt.Sscanf(place, "%d/%d", &m.Index, &m.Total); err != nil || m.Index < 1 || m.Index > m.Total {
		return all, Mark{}, errNoReport
	}
	for _, s := range all.Suites {
		if s.Properties.get(shardProperty) != place {
			return all, Mark{}, fmt.Errorf("%s is not of shard %s as %s is", s.Name, place, all.Suites[0].Name)
		}
	}
	return all, m, nil
}

// rounds is how many rounds the run had: a test has failed in all but the last.
func (r report) rounds() int {
	n := 1
	for _, s := range r.Suites {
		for _, c := range s.Cases {
			n = max(n, len(c.Flaky)+len(c.Rerun)+1)
		}
	}
	return n
}

// events returns the events of a round, from 0, as go test would have written them
// as far as the report tells.
func (r report) events(round int) []byte {
	w := eventWriter{ranAgain: r.rounds() > 1}
	for _, s := range r.Suites {
		if len(s.Cases) > 0 || s.Timestamp != "" { // else it is there for its properties
			w.suite(s, round)
		}
	}
	return w.text
}

// eventWriter writes events of go test.
type eventWriter struct {
	text     []byte
	ranAgain bool // there are several rounds
}

// reported is an event as go test writes it, and NoEnd as event files have it.
type reported struct {
	Time    time.Time `json:",omitzero"`
	Action  string
	Package string
	Test    string  `json:",omitempty"`
	Elapsed float64 `json:",omitempty"`
	Key     string  `json:",omitempty"`
	Value   string  `json:",omitempty"`
	Output  string  `json:",omitempty"`
	NoEnd   string  `json:",omitempty"`
}

func (w *eventWriter) put(e reported) {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers
	}
	w.text = append(append(w.text, line...), '\n')
}

// output writes a line or more.
func (w *eventWriter) output(e reported, text string) {
	e.Action, e.Elapsed = "output", 0
	for line := range strings.Lines(text) {
		e.Output = line
		w.put(e)
	}
}

// run is how a testcase came out in a round.
type run struct {
	testcase
	action  string // of its end
	took    float64
	at      time.Time
	text    string
	stopped string // what NoEnd says
}

// in returns how a testcase came out in a round, from 0.
func (c testcase) in(round int) (run, bool) {
	r := run{testcase: c, action: "pass", took: c.Time, at: moment(c.Timestamp), text: c.Out}
	failed := func(o outcome) {
		r.action, r.text = "fail", cmp.Or(o.Text, o.Message+"\n")
		if _, by, ok := strings.Cut(o.Message, " by "); ok && o.Type == "interrupted" {
			r.stopped = "interrupted by " + by
		}
	}
	var attempts []attempt
	switch {
	case c.Failure != nil:
		failed(*c.Failure)
		attempts = append(attempts, attempt{c.Time, c.Timestamp, c.Failure.Type, c.Failure.Message, c.Failure.Text})
	case c.Error != nil:
		failed(*c.Error)
	case c.Skipped != nil:
		r.action = "skip"
		if c.Skipped.Message != "" {
			r.text = "    " + c.Skipped.Message + "\n" + r.text
		}
	}
	attempts = slices.Concat(attempts, c.Flaky, c.Rerun)
	switch {
	case round < len(attempts):
		a := attempts[round]
		r.took, r.at = a.Time, moment(a.Timestamp)
		failed(outcome{a.Type, a.Message, a.Text})
		return r, true
	case len(c.Flaky) > 0:
		return r, round == len(c.Flaky)
	}
	return r, round == 0
}

func moment(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text) // none if there is none
	return at
}

// ofPackage reports whether a testcase stands for its package, and is no test.
func (c testcase) ofPackage() bool {
	return c.Name == "TestMain" || strings.HasPrefix(c.Name, "[") || c.Name == "leaked processes" || c.Name == "timeout"
}

// suite writes what a round has of a package.
func (w *eventWriter) suite(s suite, round int) {
	var tests, own []run
	for _, c := range s.Cases {
		r, ok := c.in(round)
		switch {
		case !ok:
		case c.ofPackage():
			own = append(own, r)
		default:
			if name := c.Properties.get("pgtest.name"); name != "" {
				r.Name = name
			}
			tests = append(tests, r)
		}
	}
	if round > 0 && len(tests)+len(own) == 0 {
		return
	}
	e := reported{Time: moment(s.Timestamp), Package: s.Name}
	if w.ranAgain && len(w.text) == 0 {
		begins := e
		begins.Action, begins.NoEnd = "output", event.RoundBegins(round+1)
		w.put(begins)
	}
	start := e
	start.Action = "start"
	w.put(start)
	// A test's subtests are between its start and its end.
	depth := func(a, b run) int { return cmp.Compare(strings.Count(a.Name, "/"), strings.Count(b.Name, "/")) }
	slices.SortStableFunc(tests, depth)
	for _, r := range tests {
		w.put(reported{Time: r.at, Action: "run", Package: s.Name, Test: r.Name})
	}
	action, end := "pass", e
	slices.SortStableFunc(tests, func(a, b run) int { return depth(b, a) })
	for _, r := range tests {
		w.test(s.Name, r)
		if r.action == "fail" {
			action = "fail"
		}
	}
	if percent := s.Properties.get("coverage.statements.pct"); percent != "" {
		w.output(e, "coverage: "+percent+"% of statements\n")
	}
	for _, r := range own {
		w.output(e, r.text)
		if action = "fail"; r.stopped != "" {
			end.NoEnd = r.stopped
		}
	}
	if len(s.Cases) == 0 {
		action = "skip"
		w.output(e, "?   \t"+s.Name+"\t[no test files]\n")
	}
	end.Action = action
	if round == 0 {
		end.Elapsed = s.Time
	}
	if !end.Time.IsZero() {
		end.Time = end.Time.Add(time.Duration(end.Elapsed * float64(time.Second)))
	}
	w.put(end)
}

// test writes what a test printed, and its end.
func (w *eventWriter) test(pkg string, r run) {
	e := reported{Time: r.at, Action: r.action, Package: pkg, Test: r.Name, Elapsed: r.took, NoEnd: r.stopped}
	if !e.Time.IsZero() {
		e.Time = e.Time.Add(time.Duration(r.took * float64(time.Second)))
	}
	for _, p := range r.Properties {
		if strings.HasPrefix(p.Name, "pgtest.") || strings.HasPrefix(p.Name, "dd_tags[") {
			continue
		}
		w.put(reported{Time: e.Time, Action: "attr", Package: pkg, Test: r.Name, Key: p.Name, Value: p.Value})
	}
	said := e
	said.NoEnd = ""
	w.output(said, r.text)
	if text := strings.ToUpper(r.action); !strings.Contains(r.text, "--- "+text+": ") && r.stopped == "" {
		indent := strings.Repeat("    ", strings.Count(r.Name, "/"))
		w.output(said, fmt.Sprintf("%s--- %s: %s (%.2fs)\n", indent, text, r.Name, r.took))
	}
	w.put(e)
}
