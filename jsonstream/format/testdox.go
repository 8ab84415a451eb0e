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
	rest, isFuzz := strings.CutPrefix(name, "Fuzz")
	p := prettifier{name: strings.TrimPrefix(rest, "Test")}
	p.split()
	switch {
	case p.strange:
		return gotestdox.Prettify(name)
	case isFuzz:
		return "[fuzz] " + strings.Join(p.words, " ")
	}
	return strings.Join(p.words, " ")
}

// prettifier takes the words from a name as gotestdox does. A word ends before
// a capital or a digit that follows a small letter; a run of capitals stays one
// word (an initialism), up to the capital that starts the next. The first
// underscore says that what came before it is one word, the name of a function.
type prettifier struct {
	name       string
	start, pos int // of the current word, and of the character to look at
	words      []string
	function   bool // the first underscore is past
	subtest    bool // a slash is past
	strange    bool // gotestdox follows rules of Unicode
}

func (p *prettifier) split() {
	for p.pos < len(p.name) && !p.strange {
		c := p.name[p.pos]
		p.pos++
		if c == '_' || c == '/' {
			p.start = p.pos
			continue
		}
		p.strange = c < ' ' || c > '~'
		p.word()
	}
}

// word takes the word whose first character is read.
func (p *prettifier) word() {
	for p.pos < len(p.name) {
		c, before := p.name[p.pos], p.name[p.pos-1]
		switch {
		case c < ' ' || c > '~':
			p.strange = true
			return
		case c == '_' || c == '/':
			p.add()
			if c == '/' {
				p.subtest = true
			} else if !p.function && !p.subtest {
				p.join()
			}
			return
		case isCapital(c) && before != '-' && !p.initialism(),
			isDigit(c) && !isDigit(before) && before != '-' && before != '=' && !p.initialism():
			p.add()
			return
		case isCapital(c) || isDigit(c) || p.pos-p.start <= 1 || p.name[p.start] == '\'' || !p.initialism():
			p.pos++
		case c == 's':
			p.pos++
			p.add()
			return
		default: // the last capital starts the next word
			p.pos--
			p.add()
		}
	}
	p.add()
}

func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool   { return '0' <= c && c <= '9' }

// initialism says that a word looks like one so far: no small letters but the s
// of a plural, and not "Is" or "As".
func (p *prettifier) initialism() bool {
	if p.start+1 < len(p.name) && p.name[p.start+1] == 's' {
		return false
	}
	for _, c := range []byte(p.name[p.start:p.pos]) {
		if 'a' <= c && c <= 'z' && c != 's' {
			return false
		}
	}
	return true
}

// add adds the word, which ends at pos.
func (p *prettifier) add() {
	word := p.name[p.start:p.pos]
	if len(p.words) == 0 {
		word = p.capitalise(word)
	} else if len(word) == 1 || !p.initialism() {
		word = strings.ToLower(word)
	}
	p.words = append(p.words, word)
	p.start = p.pos
}

// join makes one word of all words so far.
func (p *prettifier) join() {
	name := ""
	for _, word := range p.words {
		name += p.capitalise(word)
	}
	p.words, p.function = []string{name}, true
}

// capitalise makes the first letter of a plain word a capital. In others
// Unicode's rules find several words.
func (p *prettifier) capitalise(word string) string {
	for i, c := range []byte(word) {
		letter := isCapital(c) || 'a' <= c && c <= 'z'
		p.strange = p.strange || !letter && (i == 0 || !isDigit(c))
	}
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
