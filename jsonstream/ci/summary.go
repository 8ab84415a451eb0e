package ci

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"iter"
	"slices"
	"strings"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Summary says where a summary goes.
type Summary struct {
	Out io.Writer
	// Room returns how many bytes there is room for; nil stands for
	// [MaxSummary].
	Room func() int64
}

// MaxSummary is how much GitHub takes of a step, and Buildkite of an annotation.
const MaxSummary = 1 << 20

// NewSummary returns a sink that writes a summary in Markdown at the end, in one
// write. All names and texts in it are shown as they are.
//
// The document is HTML but for its headings: what is between the tags of a
// block needs no other escapes than those of HTML, and code mentions nobody.
func NewSummary(s Summary) sink.Sink {
	if s.Room == nil {
		s.Room = func() int64 { return MaxSummary }
	}
	return &summary{Summary: s, slowest: result.NewSlowest(maxSlowest)}
}

type summary struct {
	sink.None
	Summary
	leaks    []result.Leaks
	coverage result.Coverage
	refused  bool
	slowest  *result.Slowest
}

const (
	maxSlowest = 10
	maxName    = 300
	maxWhy     = 300
	// minOutput and maxOutput bound what is shown of an output.
	minOutput, maxOutput = 4 << 10, 64 << 10
	// maxSection bounds the sections that are no failures.
	maxSection = 64 << 10
	// reserve is for what is said of what was left out.
	reserve = 1 << 10
)

func (s *summary) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

func (s *summary) TestEnded(t *result.Test) { s.slowest.Add(t) }

func (s *summary) Note(n result.Note) {
	switch n := n.(type) {
	case result.Leaks:
		s.leaks = append(s.leaks, n)
	case result.Coverage:
		s.coverage = n
	case result.Refusal:
		s.refused = true
	}
}

func (s *summary) Close(r *result.Results) error {
	if s.refused {
		return nil
	}
	text := s.text(r, int(min(s.Room(), MaxSummary)))
	if len(text) == 0 {
		return nil
	}
	_, err := s.Out.Write(text)
	return err
}

// text is the document in so many bytes, or nothing if that is too little.
func (s *summary) text(r *result.Results, room int) []byte {
	o := r.Outcome()
	head := s.head(r, o)
	var tail bytes.Buffer
	for _, section := range []string{quarantined(r), s.flaky(o), s.leaked(), s.slow()} {
		if len(head)+tail.Len()+len(section)+reserve <= room {
			tail.WriteString(section)
		}
	}
	room -= len(head) + tail.Len() + reserve
	if room < 0 {
		return nil
	}
	var all bytes.Buffer
	all.WriteString(head)
	room -= details(&all, "Failed", o.Failed, room)
	details(&all, "Interrupted", o.Interrupted, room)
	all.Write(tail.Bytes())
	return all.Bytes()
}

// head is the title and the totals.
func (s *summary) head(r *result.Results, o result.Outcome) string {
	report := r.Report()
	passed, notRun := 0, 0
	for _, p := range report.Packages {
		passed += p.PassedTests
		notRun += len(p.Unreached)
		if p.End == result.NotRun && len(p.Unreached) == 0 {
			notRun++
		}
	}
	title := "✅ Tests passed"
	switch {
	case len(o.Failed) > 0:
		title = "❌ Tests failed"
	case len(o.Interrupted) > 0:
		title = "🛑 Tests were interrupted"
	case slices.ContainsFunc(s.leaks, func(l result.Leaks) bool { return l.Fail }):
		title = "❌ Tests left processes behind"
	case report.Tests == 0:
		title = "No tests ran"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n| tests | passed | failed | flaky | skipped | interrupted | not run | packages | time |\n", title)
	b.WriteString("|" + strings.Repeat(" ---: |", 9) + "\n")
	fmt.Fprintf(&b, "| %d | %d | %d | %d | %d | %d | %d | %d | %.2fs |\n\n", report.Tests, passed, report.FailedTests, report.FlakyTests,
		report.SkippedTests, report.InterruptedTests, notRun, len(report.Packages), report.Elapsed.Seconds())
	if s.coverage != "" {
		b.WriteString("<pre>\n")
		b.Write(escaped(slices.Values([][]byte{[]byte(s.coverage)}), minOutput))
		b.WriteString("</pre>\n\n")
	}
	return b.String()
}

// code is a short text as an element that shows it as it is.
func code(text string, limit int) string {
	return "<code>" + html.EscapeString(sink.Inline(text, limit)) + "</code>"
}

// list is a section with an entry for each line of HTML, those for which there
// is room.
func list(title string, entries []string) string {
	if len(entries) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#### %s\n\n<ul>\n", title)
	for i, e := range entries {
		if b.Len()+len(e) > maxSection {
			fmt.Fprintf(&b, "<li>and %d more</li>\n", len(entries)-i)
			break
		}
		b.WriteString("<li>" + e + "</li>\n")
	}
	b.WriteString("</ul>\n\n")
	return b.String()
}

func (s *summary) flaky(o result.Outcome) string {
	var entries []string
	for _, f := range o.Flaky {
		entries = append(entries, describe(f))
	}
	return list("Flaky", entries)
}

func quarantined(r *result.Results) string {
	var entries []string
	for _, p := range r.Packages() {
		for _, t := range p.Skipped {
			if t.End() == result.Quarantined {
				entries = append(entries, fmt.Sprintf("%s %s: %s", code(t.Name, maxName), code(p.Path, maxName), code(t.SkipMessage(), maxWhy)))
			}
		}
	}
	return list("In quarantine", entries)
}

func (s *summary) leaked() string {
	var entries []string
	for _, l := range s.leaks {
		for _, line := range l.Lines() {
			entries = append(entries, code(l.Package, maxName)+": "+code(line, maxWhy))
		}
	}
	return list("Leaked processes", entries)
}

func (s *summary) slow() string {
	var entries []string
	for _, t := range s.slowest.Tests() {
		entries = append(entries, fmt.Sprintf("%.2fs %s %s", t.Elapsed.Seconds(), code(t.Test, maxName), code(t.Package, maxName)))
	}
	return list("Slowest", entries)
}

// describe names the failure and says why.
func describe(f result.Failure) string {
	name := code(f.Package.Path, maxName)
	if f.Test != nil {
		name = code(f.Test.Name, maxName) + " " + name
	}
	return fmt.Sprintf("%s (%.2fs): %s", name, f.Elapsed.Seconds(), code(f.Why, maxWhy))
}

// details writes a section of result.Failures with their outputs, and returns how many
// of the bytes that there is room for it takes. If there is too little for all
// outputs it shows less of each, then none of the last ones; names take half of
// the room.
func details(b *bytes.Buffer, title string, failures []result.Failure, room int) int {
	if len(failures) == 0 {
		return 0
	}
	const open, between, end = "<details><summary>", "</summary>\n\n<pre>\n", "</pre>\n\n</details>\n\n"
	frame := len(open) + len(between) + len("…\n") + len(end)
	before := b.Len()
	room -= len("####  \n\n") + len(title) + reserve
	var heads []string
	left := room
	for _, f := range failures {
		head := describe(f)
		if left -= len(head) + frame; left < room/2 && len(heads) > 0 || left < 0 {
			left += len(head) + frame
			break
		}
		heads = append(heads, head)
	}
	fmt.Fprintf(b, "#### %s\n\n", title)
	limit := min(max(left/max(len(heads), 1), minOutput), maxOutput)
	without := 0
	for i, head := range heads {
		b.WriteString(open + head + between)
		var output []byte
		if left > 0 {
			output = escaped(failures[i].Output(), min(limit, left))
		}
		if left <= 0 || len(output) > left {
			without, left = without+1, left/2
			output = []byte("…\n")
		} else {
			left -= len(output)
		}
		b.Write(output)
		b.WriteString(end)
	}
	if more := len(failures) - len(heads); more > 0 || without > 0 {
		fmt.Fprintf(b, "For want of room, %d outputs and %d more tests are left out.\n\n", without, more)
	}
	return b.Len() - before
}

// escaped is a text as it stands in an element.
func escaped(text iter.Seq[[]byte], limit int) []byte {
	return []byte(html.EscapeString(string(excerpt(text, limit))))
}
