package live

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/result"
)

// A State is what live lines say about a run.
type State struct {
	Progress result.Progress
	// Total is the number of packages; 0 if it is not known.
	Total int
	// Rerun counts the rounds before the present one.
	Rerun   int
	Running []result.Running
	// Idle says what goes on while nothing runs.
	Idle    string
	Elapsed time.Duration
	// Left is the time that the run still takes; 0 if it is not known.
	Left time.Duration
	// SlowAfter is the time after which a test is slow; 0 is never.
	SlowAfter time.Duration
	// Ending says that the tests were asked to end.
	Ending bool
	Now    time.Time
}

// A Style says how lines look.
type Style struct {
	Tests int // so many of those that run have a line
	Color bool
}

// Lines returns the lines for a terminal of a size: none if it is too small. They
// are narrower than the terminal, and leave it a line for the output.
func (s State) Lines(style Style, width, height int) []string {
	columns := width - 1 // a full line would wrap in some terminals
	if columns < minColumns || height < 2 {
		return nil
	}
	lines := []string{s.bar(style, columns)}
	busy := s.busy()
	room := min(style.Tests, height-2)
	if len(busy) > room {
		room = min(room, height-3) // the line that says how many more there are
	}
	for i, r := range busy {
		if i >= room {
			if room > 0 {
				lines = append(lines, fit(fmt.Sprintf("%*s  and %d more", timeColumns, "", len(busy)-i), columns))
			}
			break
		}
		lines = append(lines, s.line(r, style, columns))
	}
	return lines
}

const minColumns = 10

// Shown is what a terminal shows of the run outside its text.
func (s State) Shown() Progress {
	p := Progress{Shown: true, Percent: -1, Failed: s.Progress.Failed > 0}
	if s.Total > 0 && s.Progress.Ended <= s.Total {
		p.Percent = 100 * s.Progress.Ended / s.Total
	}
	return p
}

// busy returns what runs, the longest first, then what waits. A package or a test
// that others run in says less than they do.
func (s State) busy() []result.Running {
	busy := slices.DeleteFunc(slices.Clone(s.Running), func(r result.Running) bool { return r.Parent || r.Paused })
	slices.SortStableFunc(busy, func(x, y result.Running) int {
		waiting := func(r result.Running) int { return min(len(r.Waiting), 1) }
		return cmp.Or(waiting(x)-waiting(y), x.Started.Compare(y.Started))
	})
	return busy
}

// timeColumns is the width of a time in front of a name.
const timeColumns = 8

// line is about a test, or a package that runs none at the moment.
func (s State) line(r result.Running, style Style, columns int) string {
	elapsed := max(s.Now.Sub(r.Started), 0)
	color := ""
	switch {
	case r.Failed:
		color = red
	case s.Ending, s.SlowAfter > 0 && elapsed >= s.SlowAfter:
		color = yellow
	}
	head := fmt.Sprintf("%*s  ", timeColumns, short(elapsed))
	pkg := testjson.RelativePackagePath(r.Package)
	name := strings.TrimSpace(pkg + " " + r.Test)
	if r.Waiting != "" {
		name += " waits " + r.Waiting
	}
	if displaywidth.String(name) > columns-len(head) && r.Test != "" {
		name = path.Base(pkg) + " " + r.Test
	}
	return style.paint(color, head+fit(name, columns-len(head)))
}

// short is a time in as much detail as is worth a look.
func short(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	}
	return d.Truncate(time.Second).String()
}

// A part is a piece of the bar's line. The first to go where there is no room
// has the highest rank.
type part struct {
	text, color string
	rank        int
}

// bar says how far the run is.
func (s State) bar(style Style, columns int) string {
	done, total := s.Progress.Ended, s.Total
	if total < done {
		total = 0
	}
	packages := part{text: fmt.Sprintf("%d packages", done)}
	switch {
	case total > 0:
		packages.text = fmt.Sprintf("%d/%d packages", done, total)
	case done == 1:
		packages.text = "1 package"
	}
	if s.Rerun > 0 {
		packages.text = fmt.Sprintf("rerun %d: %s", s.Rerun, packages.text)
	}
	parts := []part{packages}
	count := func(n int, what, color string, rank int) {
		if n > 0 {
			parts = append(parts, part{fmt.Sprintf("%d %s", n, what), color, rank})
		}
	}
	count(s.Progress.Passed, "passed", green, 4)
	count(s.Progress.Failed, "failed", red, 1)
	count(s.Progress.Skipped, "skipped", yellow, 6)
	switch {
	case s.Ending:
		parts = append(parts, part{"ending", yellow, 2})
	case len(s.Running) == 0 && (total == 0 || done < total):
		parts = append(parts, part{text: s.Idle, rank: 3})
	}
	parts = append(parts, part{text: s.Elapsed.Truncate(time.Second).String(), rank: 2})
	if s.Left > 0 {
		parts = append(parts, part{text: max(s.Left.Truncate(time.Second), time.Second).String() + " left", rank: 5})
	}
	for width(parts) > columns && len(parts) > 1 {
		least := slices.MaxFunc(parts, func(x, y part) int { return cmp.Compare(x.rank, y.rank) })
		parts = slices.DeleteFunc(parts, func(p part) bool { return p == least })
	}
	gauge := ""
	if cells := min(columns-width(parts)-len("[] "), maxCells); total > 0 && cells >= minCells {
		gauge = s.gauge(style, done, total, cells)
	}
	for i, p := range parts {
		parts[i].text = style.paint(p.color, fit(p.text, columns))
	}
	return gauge + join(parts)
}

const minCells, maxCells = 5, 30

func (s State) gauge(style Style, done, total, cells int) string {
	full := done * cells / total
	text := strings.Repeat("=", full)
	if full < cells {
		text += ">" + strings.Repeat(" ", cells-full-1)
	}
	color := green
	if s.Progress.Failed > 0 {
		color = red
	}
	return "[" + style.paint(color, text) + "] "
}

func join(parts []part) string {
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.text)
	}
	return strings.Join(texts, ", ")
}

func width(parts []part) int { return displaywidth.String(join(parts)) }

const red, green, yellow = "31", "32", "33"

func (s Style) paint(color, text string) string {
	if !s.Color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[m"
}

const zeroWidthJoiner = '\u200d'

// fit shortens a text to a number of columns. What can't be printed could be
// meant for the terminal, and becomes a question mark. Terminals differ about
// the width of joined characters, so that the larger one counts.
func fit(text string, columns int) string {
	text = strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) && c != zeroWidthJoiner {
			return '?'
		}
		return c
	}, text)
	tail := "..."[:min(3, max(columns, 0))]
	return displaywidth.TruncateString(truncateRunes(text, columns, tail), columns, tail)
}

// truncateRunes is for terminals that draw each rune by itself.
func truncateRunes(text string, columns int, tail string) string {
	widths := func(s string) (sum int) {
		for _, r := range s {
			sum += displaywidth.Rune(r)
		}
		return sum
	}
	if widths(text) <= columns {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && widths(string(runes))+widths(tail) > columns {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + tail
}
