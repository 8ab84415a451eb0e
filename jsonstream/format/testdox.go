package format

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/bitfield/gotestdox"
	"github.com/fatih/color"
	"gotest.tools/gotestsum/testjson"
)

// testdox is testjson's testdox format, byte for byte. testjson's own takes
// longer over one name than everything else here over ten lines, and keeps the
// sentences of all packages until the end.
type testdox struct {
	out       io.Writer
	hideEmpty bool
	pass      string
	fail      string
	skip      string
	sentences map[string][]sentence // of each package
}

type sentence struct {
	action  testjson.Action
	elapsed float64
	text    string
}

func newTestdox(out io.Writer, opts testjson.FormatOptions) *testdox {
	d := &testdox{out: out, hideEmpty: opts.HideEmptyPackages, sentences: make(map[string][]sentence)}
	set, ok := iconSets[opts.Icons]
	if !ok {
		set = iconSets["default"]
	}
	d.pass, d.fail, d.skip = set.pass, set.fail, set.skip
	if opts.Icons != "hivis" { // these have their own colours
		d.pass, d.fail, d.skip = color.GreenString(d.pass), color.RedString(d.fail), color.YellowString(d.skip)
	}
	return d
}

var iconSets = map[string]struct{ pass, fail, skip string }{
	"default":   {"✓", "✖", "∅"},
	"hivis":     {"✅", "❌", "➖"},
	"text":      {"PASS", "FAIL", "SKIP"},
	"codicons":  {"\ueba4", "\uea87", "\ueabd"},
	"octicons":  {"\uf49e", "\uf52f", "\uf517"},
	"emoticons": {"\U000f01f5", "\U000f01f8", "\U000f01f6"},
}

func (d *testdox) icon(a testjson.Action) string {
	switch a {
	case testjson.ActionPass:
		return d.pass
	case testjson.ActionFail:
		return d.fail
	}
	return d.skip
}

// Format implements testjson's interface for formats. It gets the ends of
// tests and packages.
func (d *testdox) Format(ev testjson.TestEvent, _ *testjson.Execution) error {
	if ev.Test != "" {
		seed := ev.Action == testjson.ActionPass && strings.HasPrefix(ev.Test, "Fuzz") && strings.Contains(ev.Test, "/")
		if !seed { // whose names say nothing
			d.sentences[ev.Package] = append(d.sentences[ev.Package], sentence{ev.Action, ev.Elapsed, prettify(ev.Test)})
		}
		return nil
	}
	all := d.sentences[ev.Package]
	delete(d.sentences, ev.Package)
	if d.hideEmpty && len(all) == 0 {
		return nil
	}
	fmt.Fprintf(d.out, "%s:\n", ev.Package)
	// testjson's sort: equal sentences end up in its order, too.
	sort.Slice(all, func(i, j int) bool { return all[i].text < all[j].text })
	for _, s := range all {
		fmt.Fprintf(d.out, " %s %s (%.2fs)\n", d.icon(s.action), s.text, s.elapsed)
	}
	fmt.Fprintln(d.out)
	return nil
}

// prettify is gotestdox.Prettify, which writes a log of every character that
// nobody reads. Names that are not plain ASCII are left to it.
func prettify(name string) string {
	w := words{}
	if text, ok := strings.CutPrefix(name, "Fuzz"); ok {
		w.text = append(w.text, "[fuzz] "...)
		w.rest = strings.TrimPrefix(text, "Test")
	} else {
		w.rest = strings.TrimPrefix(name, "Test")
	}
	w.head = len(w.text)
	if !w.split() {
		return gotestdox.Prettify(name)
	}
	return string(w.text)
}

// words makes a sentence from a name. A name is cut before capitals and digits
// that follow small letters; a run of capitals stays one word (an initialism),
// up to the capital that starts the next. The first underscore says that what
// came before it is one word, the name of a function.
type words struct {
	rest     string // of the name
	text     []byte // the sentence so far
	head     int    // where its first word starts
	starts   []int  // where its words start
	function bool   // the first underscore is past
	subtest  bool   // a slash is past
}

// split takes all words from the name. It reports false for a name that it does
// not know how to capitalise.
func (w *words) split() bool {
	s := w.rest
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	for i := 0; i < len(s); {
		if s[i] == '_' || s[i] == '/' {
			i++
			continue
		}
		end, why := wordEnd(s, i, i+1)
		for why == nextRuns {
			if !w.add(s[i:end]) {
				return false
			}
			i = end
			end, why = wordEnd(s, i, i)
		}
		if !w.add(s[i:end]) {
			return false
		}
		i = end
		switch {
		case why == separator && s[i] == '/':
			w.subtest = true
		case why == separator && !w.function && !w.subtest:
			if !w.join() {
				return false
			}
		}
	}
	return true
}

// Why a word ends.
type ending uint8

const (
	nextStarts ending = iota // another word starts there, or a plural ended
	separator                // there is an underscore or a slash
	nextRuns                 // an initialism ran into the next word, perhaps an empty one
)

// wordEnd returns where the word that starts at start ends, looking from pos on.
func wordEnd(s string, start, pos int) (int, ending) {
	for ; pos < len(s); pos++ {
		c := s[pos]
		switch {
		case c == '_' || c == '/':
			return pos, separator
		case 'A' <= c && c <= 'Z':
			if prev(s, pos) != '-' && !initialism(s, start, pos) {
				return pos, nextStarts
			}
		case '0' <= c && c <= '9':
			p := prev(s, pos)
			if (p < '0' || p > '9') && p != '-' && p != '=' && !initialism(s, start, pos) {
				return pos, nextStarts
			}
		case pos-start <= 1 || s[start] == '\'' || !initialism(s, start, pos):
		case c == 's':
			return pos + 1, nextStarts
		default:
			return pos - 1, nextRuns
		}
	}
	return pos, nextStarts
}

func prev(s string, pos int) byte {
	if pos == 0 {
		return 0
	}
	return s[pos-1]
}

// initialism says that a word looks like one so far: no small letters but the s
// of a plural, and not "Is" or "As".
func initialism(s string, start, pos int) bool {
	if start+1 < len(s) && s[start+1] == 's' {
		return false
	}
	for i := start; i < pos; i++ {
		if 'a' <= s[i] && s[i] <= 'z' && s[i] != 's' {
			return false
		}
	}
	return true
}

// add adds a word in its place in the sentence.
func (w *words) add(word string) bool {
	if len(w.starts) > 0 {
		w.text = append(w.text, ' ')
	}
	start := len(w.text)
	w.starts = append(w.starts, start)
	w.text = append(w.text, word...)
	switch {
	case len(w.starts) == 1:
		return capitalise(w.text[start:])
	case len(word) == 1 || !initialism(word, 0, len(word)):
		for i, c := range w.text[start:] {
			if 'A' <= c && c <= 'Z' {
				w.text[start+i] = c + 'a' - 'A'
			}
		}
	}
	return true
}

// join makes one capitalised word of all words so far.
func (w *words) join() bool {
	to := w.head
	for i, from := range w.starts {
		end := len(w.text)
		if i+1 < len(w.starts) {
			end = w.starts[i+1] - 1 // before the space
		}
		n := copy(w.text[to:], w.text[from:end])
		if !capitalise(w.text[to : to+n]) {
			return false
		}
		to += n
	}
	w.text, w.starts, w.function = w.text[:to], w.starts[:1], true
	return true
}

// capitalise makes the first letter of a plain word a capital. It reports false
// for others, in which Unicode's rules find several words.
func capitalise(word []byte) bool {
	for i, c := range word {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	if len(word) > 0 && 'a' <= word[0] && word[0] <= 'z' {
		word[0] -= 'a' - 'A'
	}
	return true
}
