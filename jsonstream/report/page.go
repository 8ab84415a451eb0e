package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
	"pgtest/jsonstream/timeline"
)

//go:embed page/page.html
var markup string

//go:embed page/page.css
var styles string

//go:embed page/page.js
var script string

// parsed is the markup. It is parsed when it is needed: every role of pgtest
// initializes this package.
var parsed = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"took": took, "plain": plain}).Parse(markup))
})

// hash is how a Content-Security-Policy names an inline script or style.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// A view is what the markup shows.
type view struct {
	Policy string
	Styles template.CSS
	Script template.JS

	Module, Command, Go        string
	Verdict                    state
	Headline, Started, Elapsed string
	Totals                     []total
	Coverage                   string
	Messages                   []string
	Sections                   []section
	NotRun                     []notRunPackage
	Leaks                      []result.Leaks
	Slowest                    []bar
	SlowestPackages            []bar
	Packages                   []packageView
	Tests, Dropped             int

	Path     []step
	MorePath int

	packages []*result.Package
	timeline *timeline.Timeline
	started  int64
}

// A total is a number with what it counts.
type total struct {
	Count int
	Label string
	State state
}

// A section shows failures with their outputs.
type section struct {
	ID, Title string
	Count     int
	Shown     []*failureView
	More      []later
	Without   int // failures that are in the list of tests alone
}

// later are failures that become part of the document when they are wanted: a
// browser takes long for many.
type later []*failureView

// Markup is theirs, as a value of JSON.
func (l later) Markup() (string, error) {
	var b strings.Builder
	for _, f := range l {
		if err := parsed().ExecuteTemplate(&b, "failure", f); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// failureView is a failure as it is shown.
type failureView struct {
	result.Failure
	ID    int
	state state
	page  *page
	room  *room
	size  int64
	Open  bool
}

// room is what is left for outputs.
type room struct {
	limit int64 // of an output
	raw   int64 // of the outputs to come, each cut to the limit
	left  int64 // of the page
}

// notRunPackage has the tests of a package that did not run.
type notRunPackage struct {
	Package, Reason string
	Tests           []string
	More            int
}

// A bar is a test or a package with its share of the longest time.
type bar struct {
	Package, Test string
	Elapsed       time.Duration
	Percent       int
}

// packageView is a row of the table of packages.
type packageView struct {
	Path, Name, Coverage string
	State                state
	End                  result.End
	Tests, Failed        int
	Elapsed              time.Duration
	Cached               bool
}

const (
	// chunk is how many failures become part of the document at a time.
	chunk = 200
	// maxOpen is how many are open at first, if there are no more.
	maxOpen = 5
	// maxPackages bounds the table of packages.
	maxPackages = 5000
	// maxUnreached bounds the names of tests of a package that did not run.
	maxUnreached = 200
)

func (s *page) write(r *result.Results) error {
	v, failures := s.view(r)
	w := bufio.NewWriterSize(s.opts.Out, 64<<10)
	t := parsed()
	execute := func(name string) error { return t.ExecuteTemplate(w, name, v) }
	if err := execute("head"); err != nil {
		return err
	}
	if err := execute("body"); err != nil {
		return err
	}
	io.WriteString(w, `<script type="application/json" id="data">`)
	s.writeData(w, v, s.rows(r, failures))
	io.WriteString(w, "</script>\n")
	if err := execute("end"); err != nil {
		return err
	}
	return w.Flush()
}

func (s *page) view(r *result.Results) (*view, []*failureView) {
	report, outcome, packages := r.Report(), r.Outcome(), r.Packages()
	v := &view{
		Policy: "default-src 'none'; script-src " + hash(script) + "; style-src " + hash(styles) + "; base-uri 'none'; form-action 'none'",
		Styles: template.CSS(styles), Script: template.JS(script),
		Module: module(packages), Command: s.opts.Command, Go: string(s.goVersion),
		Elapsed: took(report.Elapsed), Coverage: string(sink.Plain([]byte(s.coverage))), Messages: s.messages, Leaks: s.leaks,
		Dropped: s.dropped, packages: packages, timeline: s.collector.Timeline(),
	}
	if !report.Started.IsZero() {
		v.started = report.Started.UnixMilli()
		v.Started = report.Started.Format("2006-01-02 15:04:05 UTC")
	}
	var failures []*failureView
	views := func(all []result.Failure, is state) []*failureView {
		first := len(failures)
		for _, f := range all {
			failures = append(failures, &failureView{Failure: f, ID: len(failures), state: is, page: s})
		}
		return failures[first:]
	}
	v.addSection("failed", "Failed", views(outcome.Failed, failed))
	v.addSection("interrupted", "Interrupted", views(outcome.Interrupted, interrupted))
	v.addSection("flaky", "Flaky", views(outcome.Flaky, flaky))
	skips, excused := 0, []result.Failure(nil)
	for _, p := range packages {
		for _, t := range p.Skipped {
			switch {
			case t.Repeats():
			case t.End() == result.Quarantined:
				excused = append(excused, result.Failure{Package: p, Test: t, End: t.End(), Why: t.SkipMessage(), Elapsed: t.Elapsed})
			default:
				skips++
			}
		}
	}
	v.addSection("quarantined", "In quarantine", views(excused, quarantined))
	s.shareRoom(failures[:min(len(failures), maxFailures)])
	unreached := 0
	for _, p := range report.Packages {
		unreached += len(p.Unreached)
		if p.End == result.NotRun || len(p.Unreached) > 0 {
			shown := min(len(p.Unreached), maxUnreached)
			v.NotRun = append(v.NotRun, notRunPackage{p.Path, p.Reason, p.Unreached[:shown], len(p.Unreached) - shown})
		}
	}
	leaks, leaksFail := 0, false
	for _, l := range s.leaks {
		leaks += len(l.Leaks) + l.More
		leaksFail = leaksFail || l.Fail
	}
	v.Totals = []total{
		{len(outcome.Failed), "failed", failed}, {len(outcome.Interrupted), "interrupted", interrupted}, {len(outcome.Flaky), "flaky", flaky},
		{len(excused), "in quarantine", quarantined}, {skips, "skipped", skipped}, {s.kept + s.dropped, "passed", passed},
	}
	for _, t := range v.Totals {
		v.Tests += t.Count
	}
	v.Totals = append(v.Totals, total{unreached, "not run", notRun}, total{leaks, "leaked processes", leaked})
	v.Verdict, v.Headline = passed, "Tests passed"
	switch {
	case len(outcome.Failed) > 0:
		v.Verdict, v.Headline = failed, "Tests failed"
	case len(outcome.Interrupted) > 0:
		v.Verdict, v.Headline = interrupted, "Tests were interrupted"
	case leaksFail:
		v.Verdict, v.Headline = failed, "Tests left processes behind"
	case !report.OK():
		v.Verdict, v.Headline = failed, "The run failed"
	}
	v.Slowest, v.SlowestPackages = bars(s.slowest.Tests(), v.Module), bars(slowestPackages(packages), v.Module)
	v.Path, v.MorePath = v.steps()
	v.Packages = packageViews(report.Packages, v.Module)
	return v, failures
}

func (v *view) addSection(id, title string, all []*failureView) {
	if len(all) == 0 {
		return
	}
	with := all
	if first := all[0].ID; first+len(all) > maxFailures {
		with = all[:max(0, maxFailures-first)]
	}
	s := section{ID: id, Title: title, Count: len(all), Shown: with[:min(len(with), chunk)], Without: len(all) - len(with)}
	for more := range slices.Chunk(with[len(s.Shown):], chunk) {
		s.More = append(s.More, more)
	}
	for _, f := range s.Shown {
		f.Open = len(all) <= maxOpen && !result.BlamesSubtest(f.Why)
	}
	v.Sections = append(v.Sections, s)
}

// shareRoom says how much of its output each failure has in the page.
func (s *page) shareRoom(failures []*failureView) {
	var sizes []int64
	for _, f := range failures {
		if f.size = f.Package.ExplanationSize(); f.Test != nil {
			f.size = f.Test.OutputSize()
		}
		sizes = append(sizes, f.size)
	}
	of := &room{limit: sink.Share(sizes, maxOutput, roomForOutput), left: roomForOutput}
	for _, f := range failures {
		f.room = of
		of.raw += min(f.size, of.limit)
	}
}

// take returns how much of the output of a size is written. Escapes and colours
// take room, too: where they take much, what follows is cut shorter.
func (r *room) take(size int64) int {
	share := min(size, r.limit)
	n := share
	if r.left < r.raw {
		n = int64(float64(share) * float64(max(r.left, 0)) / float64(r.raw))
	}
	r.raw -= share
	return int(n)
}

// Output is what the markup shows of the failure's output.
func (f *failureView) Output() iter.Seq[sink.Segment] {
	text := sink.Excerpt(f.Failure.Output(), f.room.take(f.size))
	return func(yield func(sink.Segment) bool) {
		for segment := range sink.Segments(text) {
			f.room.left -= written(segment)
			if f.room.left < -roomForOutput {
				yield(sink.Segment{Text: "… there is no room for more\n"})
				return
			}
			if !yield(segment) {
				return
			}
		}
	}
}

// written is how much of the page a segment takes.
func written(s sink.Segment) int64 {
	n := len(s.Text)
	for _, c := range []byte(s.Text) {
		if strings.IndexByte(`<>&'"+`, c) >= 0 {
			n += 4
		}
	}
	if s.Class != "" {
		n += len(`<span class=""></span>`) + len(s.Class)
	}
	return int64(n)
}

// The markup asks for these.
func (f *failureView) State() state { return f.state }
func (f *failureView) Reason() string {
	if f.Why == "Failed" {
		return "" // the state says so
	}
	return f.Why
}

// Suffix says which of several runs it was, and what came of others.
func (f *failureView) Suffix() string {
	var words []string
	if f.Test != nil && f.Test.Earlier > 0 {
		words = append(words, fmt.Sprintf("run %d", f.Test.Earlier+1))
	}
	if f.Package.Round > 0 {
		words = append(words, fmt.Sprintf("re-run %d", f.Package.Round))
	}
	if f.state == flaky {
		words = append(words, "passed later")
	}
	return strings.Join(words, ", ")
}

// Place is where it happened, as file:line, or "".
func (f *failureView) Place() string {
	if f.page.opts.Places == nil {
		return ""
	}
	p := sink.PlaceOf(f.page.opts.Places, f.Failure)
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

func bars(all []result.Timed, module string) []bar {
	var bars []bar
	for _, t := range all {
		percent := int(100 * t.Elapsed / all[0].Elapsed)
		bars = append(bars, bar{relative(t.Package, module), t.Test, t.Elapsed, max(percent, 1)})
	}
	return bars
}

// packageViews returns the table of packages, those that did not pass first, then
// those that took longest.
func packageViews(reports []result.PackageReport, module string) []packageView {
	var all []packageView
	for _, p := range reports {
		failures := len(p.Failed)
		is := stateOf(p.End)
		if p.End.Failed() && failures == 0 {
			failures = 1
		}
		all = append(all, packageView{
			Path: p.Path, Name: relative(p.Path, module), State: is, End: p.End, Tests: p.Tests, Failed: failures, Elapsed: p.Elapsed,
			Cached: p.Cached, Coverage: strings.TrimPrefix(p.Coverage, "coverage: "),
		})
	}
	slices.SortStableFunc(all, func(a, b packageView) int {
		if a.State != b.State {
			return int(a.State - b.State)
		}
		return cmp.Compare(b.Elapsed, a.Elapsed)
	})
	return all[:min(len(all), maxPackages)]
}

// took is a time for people.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// plain is a text of others in one line.
func plain(text string) string { return sink.Inline(text, maxName) }
