package watch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgtest/harness/reach"
)

// listed is a package of what go list prints.
type listed struct {
	ImportPath, Dir                                                        string
	GoFiles, TestGoFiles, XTestGoFiles, Imports, TestImports, XTestImports []string
	EmbedPatterns, EmbedFiles, TestEmbedPatterns, TestEmbedFiles           []string
}

// house is a module of which a is imported by b, b by c, and a by the tests of d.
// e is alone, and nocode has no tests.
var house = []listed{
	{ImportPath: "m/a", Dir: "/m/a", GoFiles: []string{"a.go"}, TestGoFiles: []string{"a_test.go"}, EmbedPatterns: []string{"web", "*.txt"}, EmbedFiles: []string{"web/page.html", "a.txt"}},
	{ImportPath: "m/b", Dir: "/m/b", GoFiles: []string{"b.go"}, TestGoFiles: []string{"b_test.go"}, Imports: []string{"m/a", "fmt"}},
	{ImportPath: "m/c", Dir: "/m/c", GoFiles: []string{"c.go"}, XTestGoFiles: []string{"c_test.go"}, Imports: []string{"m/b"}, XTestImports: []string{"m/c"}},
	{ImportPath: "m/d", Dir: "/m/d", GoFiles: []string{"d.go"}, TestGoFiles: []string{"d_test.go"}, TestImports: []string{"m/a"}, TestEmbedPatterns: []string{"all:golden"}, TestEmbedFiles: []string{"golden/.x"}},
	{ImportPath: "m/e", Dir: "/m/e", GoFiles: []string{"e.go"}, TestGoFiles: []string{"e_test.go"}},
	{ImportPath: "m/nocode", Dir: "/m/nocode", GoFiles: []string{"n.go"}, Imports: []string{"m/a"}},
	{ImportPath: "other", Dir: "/other", GoFiles: []string{"o.go"}, TestGoFiles: []string{"o_test.go"}},
}

func graphOf(t testing.TB, list []listed) *reach.Graph {
	t.Helper()
	var text strings.Builder
	for _, l := range list {
		match, module := `["./..."]`, `{"Dir":"/m","Main":true}`
		if l.ImportPath == "other" {
			module = `{"Dir":"/other","Main":true}`
		}
		fmt.Fprintf(&text, `{"ImportPath":%q,"Dir":%q,"Match":%s,"Module":%s`, l.ImportPath, l.Dir, match, module)
		for name, values := range map[string][]string{
			"GoFiles": l.GoFiles, "TestGoFiles": l.TestGoFiles, "XTestGoFiles": l.XTestGoFiles, "Imports": l.Imports,
			"TestImports": l.TestImports, "XTestImports": l.XTestImports, "EmbedPatterns": l.EmbedPatterns,
			"EmbedFiles": l.EmbedFiles, "TestEmbedPatterns": l.TestEmbedPatterns, "TestEmbedFiles": l.TestEmbedFiles,
		} {
			if len(values) > 0 {
				fmt.Fprintf(&text, `,%q:["%s"]`, name, strings.Join(values, `","`))
			}
		}
		text.WriteString("}\n")
	}
	// What go list -deps -test adds.
	text.WriteString(`{"ImportPath":"fmt","Dir":"/go/src/fmt","Standard":true}` + "\n")
	text.WriteString(`{"ImportPath":"m/a [m/a.test]","Dir":"/m/a","ForTest":"m/a","Module":{"Dir":"/m","Main":true}}` + "\n")
	text.WriteString(`{"ImportPath":"m/a.test","Dir":"/m/a","Module":{"Dir":"/m","Main":true}}` + "\n")
	text.WriteString(`{"ImportPath":"dep","Dir":"/mod/dep","Module":{"Dir":"/mod/dep"}}` + "\n")
	g, err := reach.ParseList(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// logged shows steps as a line.
func logged(steps []Step) string {
	var all []string
	for _, s := range steps {
		text := [...]string{"print", "clear", "load", "start", "cancel", "vet", "drop", "report", "debug", "quit"}[s.Verb]
		switch s.Verb {
		case Print:
			text = strings.TrimSpace(s.Text)
			if strings.HasPrefix(text, "Running") || text == "" {
				continue
			}
		case Start, Vet, Debug:
			for _, word := range append([]string{s.Run.Dir}, append(s.Run.Packages, s.Run.Pattern)...) {
				if word != "" {
					text += " " + word
				}
			}
			if s.Run.Update {
				text += " -update"
			}
			if len(s.Tests) > 0 {
				text += " at " + strings.Join(s.Tests, ",")
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestPlan(t *testing.T) {
	saved := func(paths ...string) func(*Plan) []Step {
		return func(p *Plan) []Step {
			b := Burst{}
			for _, path := range paths {
				path, gone := strings.CutSuffix(path, " gone")
				b.Changes = append(b.Changes, reach.Change{Path: path, Gone: gone})
			}
			return p.Saved(b)
		}
	}
	key := func(keys string) func(*Plan) []Step {
		return func(p *Plan) (steps []Step) {
			for _, k := range []byte(keys) {
				steps = append(steps, p.Key(k)...)
			}
			return steps
		}
	}
	ended := func(o Outcome) func(*Plan) []Step { return func(p *Plan) []Step { return p.RunEnded(o) } }
	passed := func(pkgs ...string) func(*Plan) []Step { return ended(Outcome{Done: pkgs}) }
	failed := func(pkg string, tests ...string) func(*Plan) []Step {
		return ended(Outcome{Done: []string{pkg}, Failed: map[string][]string{pkg: tests}})
	}
	loaded := func(list []listed) func(*Plan) []Step {
		return func(p *Plan) []Step { return p.Loaded(graphOf(t, list), 7, nil) }
	}
	broken := func(p *Plan) []Step { return p.Loaded(nil, 0, errors.New("go.mod:3: no")) }
	lost := func(p *Plan) []Step { return p.Saved(Burst{Lost: true}) }
	vetted := func(p *Plan) []Step { return p.Vetted("") }
	const all = "start m/a m/b m/d m/c"
	type at struct {
		do   func(*Plan) []Step
		want string
	}
	tests := []struct {
		name string
		opts Options
		log  []at
	}{
		{"a save runs the package, then importers, nearest first", Options{}, []at{
			{saved("/m/a/a.go"), all},
			{passed("m/a", "m/b", "m/d", "m/c"), ""},
		}},
		{"a test file is of no concern to importers", Options{}, []at{{saved("/m/a/a_test.go"), "start m/a"}}},
		{"testdata", Options{}, []at{{saved("/m/a/testdata/x/y"), "start m/a"}}},
		{"what nobody reads", Options{}, []at{{saved("/m/a/README.md"), ""}, {saved("/m/a/a.test"), ""}}},
		{"an embedded file", Options{}, []at{{saved("/m/a/web/page.html"), all}}},
		{"a new file that will be embedded", Options{}, []at{
			{saved("/m/a/web/new/x.css"), all}, {passed("m/a"), "load"}, {loaded(house), ""},
		}},
		{"a hidden file is not embedded without all:", Options{}, []at{{saved("/m/a/web/.x"), ""}, {saved("/m/d/golden/.y"), "start m/d"}}},
		{"a new file of a package has the graph loaded afterwards", Options{}, []at{
			{saved("/m/e/new.go"), "start m/e"}, {passed("m/e"), "load"}, {loaded(house), ""},
		}},
		{"a save during that does not wait", Options{}, []at{
			{saved("/m/e/new.go"), "start m/e"}, {passed("m/e"), "load"},
			{saved("/m/e/e.go"), "drop; start m/e"}, {passed("m/e"), "load"},
		}},
		{"a new package has to be loaded first", Options{}, []at{
			{saved("/m/new/n.go"), "load"},
			{loaded(append(house, listed{ImportPath: "m/new", Dir: "/m/new", GoFiles: []string{"n.go"}})), "start m/new"},
		}},
		{"a package is gone: its importers run", Options{}, []at{
			{saved("/m/a gone"), "load"}, {loaded(house[1:]), "start m/b m/d m/c"},
		}},
		{"a package in a directory that is gone", Options{}, []at{{saved("/m gone"), "load"}}},
		{"go.mod", Options{}, []at{{saved("/m/go.mod"), "load"}, {loaded(house), "start m/a m/b m/c m/d m/e m/nocode"}}},
		{"go.mod of a fixture", Options{}, []at{{saved("/m/e/testdata/go.mod"), "start m/e"}}},
		{"go.mod is broken: the tests say so", Options{}, []at{
			{saved("/m/go.mod"), "load"}, {broken, "pgtest: go.mod:3: no; start m/a m/b m/c m/d m/e m/nocode"},
		}},
		{"too much has changed to be told", Options{}, []at{{lost, "load"}, {loaded(house), "start m/a m/b m/c m/d m/e other"}}},
		{"what failed comes first", Options{}, []at{
			{saved("/m/c/c.go"), "start m/c"}, {failed("m/c", "TestC"), ""}, {saved("/m/a/a.go"), "start m/a m/c m/b m/d"},
		}},
		{"a save cancels, and what did not finish comes behind", Options{}, []at{
			{saved("/m/a/a.go"), all}, {saved("/m/e/e.go"), "cancel"}, {saved("/m/e/e_test.go"), ""},
			{passed("m/a"), "start m/e m/b m/d m/c"},
		}},
		{"what finished runs again if it was saved again", Options{}, []at{
			{saved("/m/a/a.go"), all}, {saved("/m/a/a_test.go"), "cancel"}, {passed("m/a", "m/b"), "start m/a m/d m/c"},
		}},
		{"a save cancels what a key asked for, for good", Options{}, []at{
			{key("a"), "start ./..."}, {saved("/m/e/e.go"), "cancel"}, {passed(), "start m/e"},
		}},
		{"Ctrl-C stops all", Options{}, []at{
			{saved("/m/a/a.go"), all}, {ended(Outcome{Stopped: true}), ""}, {key("r"), all},
		}},
		{"Ctrl-C after a save during a run", Options{}, []at{
			{saved("/m/a/a.go"), all}, {saved("/m/e/e.go"), "cancel"}, {ended(Outcome{Stopped: true}), ""},
		}},
		{"new go.mod during a run", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {saved("/other/go.mod"), "cancel"}, {passed(), "load"}, {loaded(house), "start other m/e"},
		}},
		{"a test that writes its testdata does not cancel itself", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {saved("/m/e/testdata/out"), ""}, {passed("m/e"), "start m/e"},
			{saved("/m/e/testdata/out"), ""},
			{passed("m/e"), "pgtest: m/e/testdata/out is written while its tests run; no further run"},
			{saved("/m/e/testdata/out"), "start m/e"},
		}},
		{"testdata of another package does", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {saved("/m/a/testdata/out"), "cancel"}, {passed(), "start m/a m/e"},
		}},
		{"-update writes golden files", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {passed("m/e"), ""}, {key("u"), "start m/e -update"},
			{saved("/m/e/testdata/golden"), ""}, {passed("m/e"), ""}, {key("r"), "start m/e"},
		}},
		{"keys", Options{Named: []string{"./x"}}, []at{
			{key("r"), "start"}, {passed(), ""}, {key("a"), "start ./... ./x"}, {passed(), ""}, {key("xyz"), ""},
			{key("f"), "No test has failed."}, {key("l"), "load"}, {loaded(house), "Watching 7 directories. Use Ctrl-c to stop a run or exit."},
			{key("q"), "quit"},
		}},
		{"q during a run", Options{}, []at{{key("a"), "start ./..."}, {key("q"), "cancel"}, {passed(), "quit"}}},
		{"q while go list runs", Options{}, []at{{saved("/m/go.mod"), "load"}, {key("q"), "drop; quit"}}},
		{"a key during a run", Options{}, []at{{key("a"), "start ./..."}, {key("r"), "cancel"}, {passed(), "start ./..."}}},
		{"f", Options{}, []at{
			{saved("/m/a/a.go"), all}, {failed("m/b", "TestB", "TestB/x y", "TestOther"), ""},
			{key("f"), "start m/b ^TestB$/^x y$|^TestOther$"}, {failed("m/b", "TestOther"), ""},
			{key("f"), "start m/b ^TestOther$"}, {passed("m/b"), ""}, {key("f"), "No test has failed."},
		}},
		{"f of a package that failed as a whole", Options{}, []at{
			{key("a"), "start ./..."},
			{ended(Outcome{Done: []string{"m/a", "m/b"}, Failed: map[string][]string{"m/a": {"TestA"}, "m/b": {}}}), ""},
			{key("f"), "start m/a m/b"},
		}},
		{"d", Options{}, []at{
			{key("d"), "No test has failed."}, {saved("/m/a/a.go"), all}, {failed("m/b", "TestB", "TestB/x"), ""},
			{key("d"), "debug /m/b m/b at TestB/x"}, {saved("/m/e/e.go"), ""},
			{func(p *Plan) []Step { return p.Debugged(nil) }, "start m/e"},
		}},
		{"d without dlv", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {passed("m/e"), ""}, {key("d"), "debug /m/e m/e"},
			{func(p *Plan) []Step { return p.Debugged(errors.New("dlv: not found on PATH")) }, "pgtest: d: dlv: not found on PATH"},
		}},
		{"p", Options{}, []at{
			{saved("/m/e/e.go"), "start m/e"}, {passed("m/e"), ""},
			{key("p"), "Pattern for -run, none for all tests:"}, {saved("/m/e/e.go"), ""}, {key("Tex\x7f"), "T; e; x; \b \b"},
			{key("\r"), "start m/e Te"}, {passed("m/e"), ""}, {saved("/m/a/a_test.go"), "start m/a Te"}, {passed("m/a"), ""},
			{key("p(\r"), "Pattern for -run, none for all tests:; (; pgtest: p: error parsing regexp: missing closing ): `(`"},
			{key("p\x1b"), "Pattern for -run, none for all tests:"}, {key("p\r"), "Pattern for -run, none for all tests:; start m/a"},
		}},
		{"Ctrl-C at the question", Options{}, []at{
			{key("p"), "Pattern for -run, none for all tests:"},
			{func(p *Plan) []Step { quit, steps := p.Interrupted(); return append(steps, say("%v", quit)) }, "false"},
			{func(p *Plan) []Step { quit, steps := p.Interrupted(); return append(steps, say("%v", quit)) }, "true"},
		}},
		{"chdir", Options{Chdir: true}, []at{
			{saved("/m/e/e.go", "/other/o.go"), "start /m/e m/e"}, {saved("/m/e/e_test.go"), "cancel"},
			{passed(), "start /m/e m/e"}, {passed("m/e"), "start /other other"}, {failed("other", "TestO"), ""},
			{key("f"), "start /other other ^TestO$"},
		}},
		{"t", Options{}, []at{{saved("/m/e/e.go"), "start m/e"}, {key("t"), "report"}}},
		{"clear", Options{Clear: true}, []at{{saved("/m/e/e.go"), "clear; start m/e"}}},
		{"vet, when nothing else is to do", Options{Vet: true}, []at{
			{saved("/m/e/new.go"), "start m/e"}, {passed("m/e"), "load"}, {loaded(house), "vet m/e"},
			{saved("/m/a/a_test.go"), "drop; start m/a"}, {passed("m/a"), "vet m/a m/e"}, {vetted, ""},
			{saved("/m/a/a_test.go"), "start m/a"}, {passed("m/a"), "vet m/a"},
			{func(p *Plan) []Step { return p.Vetted("a.go:3: bad\n") }, "pgtest: go vet:\na.go:3: bad"},
		}},
		{"what can't be watched", Options{}, []at{
			{func(p *Plan) []Step { return p.Problem(errors.New("/m/x: no")) }, "pgtest: --watch: /m/x: no"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Root = "/"
			p := NewPlan(test.opts)
			if got := logged(p.Begin()); got != "load" {
				t.Fatalf("begin: %s", got)
			}
			loaded(house)(p)
			for i, step := range test.log {
				if got := logged(step.do(p)); got != step.want {
					t.Fatalf("step %d: %q; want %q", i, got, step.want)
				}
			}
		})
	}
}

func TestTestFiles(t *testing.T) {
	for _, test := range []struct {
		saved []string
		want  bool
	}{
		{[]string{"/m/a/a_test.go"}, true},
		{[]string{"/m/e/e.go"}, false},
		{[]string{"/m/e/e.go", "/m/e/e_test.go"}, false},
		{[]string{"/m/a/a_test.go", "/m/e/e_test.go"}, false},
	} {
		p := NewPlan(Options{})
		p.Begin()
		p.Loaded(graphOf(t, house), 1, nil)
		var b Burst
		for _, path := range test.saved {
			b.Changes = append(b.Changes, reach.Change{Path: path})
		}
		steps := p.Saved(b)
		if got := steps[len(steps)-1].Run.TestFiles; got != test.want {
			t.Errorf("%v: %v", test.saved, got)
		}
	}
}

func TestPlanWithoutGraph(t *testing.T) {
	p := NewPlan(Options{})
	p.Begin()
	for _, k := range []byte("rafudlpx") {
		if got := logged(p.Key(k)); got != "" {
			t.Errorf("%c: %s", k, got)
		}
	}
	if got := logged(p.Loaded(nil, 0, errors.New("no"))); got != "quit" {
		t.Errorf("got %s", got)
	}
}

func TestRunningText(t *testing.T) {
	p := NewPlan(Options{Root: "/m", Named: []string{"./..."}})
	p.Begin()
	p.Loaded(graphOf(t, house), 1, nil)
	for _, test := range []struct {
		run  Run
		want string
	}{
		{Run{}, "./..."},
		{Run{Packages: []string{"m/a"}}, "./a"},
		{Run{Packages: []string{"m/a", "other", "m/c", "m/d", "m/e"}, Pattern: "TestX", Update: true}, "./a other ./c and 2 more with -run=TestX with -update"},
	} {
		if got := p.describe(test.run); got != test.want {
			t.Errorf("%v: %q; want %q", test.run, got, test.want)
		}
	}
}
