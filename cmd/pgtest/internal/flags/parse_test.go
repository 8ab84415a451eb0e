package flags

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/gotest"
)

// TestSplit is about whose a word is. Words are separated by spaces.
func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		line, ours, goes string
		meant            string // word:name
	}{
		// Two dashes are ours.
		{"--format=dots ./a", "--format=dots", "./a", ""},
		{"--format dots ./a", "--format=dots", "./a", ""},
		{"./a --format dots ./b", "--format=dots", "./a ./b", ""},
		{"./a --resources", "--resources", "./a", ""},
		{"--resources=false ./a", "--resources=false", "./a", ""},
		{"--format= ./a", "--format=", "./a", ""},
		{"--jsonfile --format=x ./a", "--jsonfile=--format=x", "./a", ""},
		{"--jsonfile -- ./a", "--jsonfile=--", "./a", ""},
		{"--help", "--help", "", ""},
		{"--version ./a", "--version", "./a", ""},

		// One dash is go test's and the test binary's.
		{"./a -format=dots", "", "./a -format=dots", "-format:format"},
		{"./a -format dots", "", "./a -format dots", "-format:format"},
		{"-junitfile=x ./a", "", "-junitfile=x ./a", "-junitfile:junitfile"},
		{"./a -help", "", "./a -help", "-help:help"},
		{"./a -version", "", "./a -version", "-version:version"},
		{"./a -resources -grace 1s", "", "./a -resources -grace 1s", "-resources:resources -grace:grace"},
		{"./a -formt=dots", "", "./a -formt=dots", ""},

		// The exceptions.
		{"-h", "--help", "", ""},
		{"./a -v -h", "--help", "./a -v", ""},
		{"--h", "--help", "", ""},
		{"-f dots ./a", "--format=dots", "./a", ""},
		{"-f=dots ./a", "--format=dots", "./a", ""},
		{"--resources -f dots -- ./a", "--resources --format=dots", "./a", ""},
		{"./a -f dots", "", "./a -f dots", "-f:format"},
		{"-v -f dots", "", "-v -f dots", "-f:format"},
		{"./a --f=dots", "", "./a --f=dots", ""},

		// Go test takes its own flags with one dash or two.
		{"--count=1 --run X --v ./a", "", "--count=1 --run X --v ./a", ""},
		{"--test.run X --format=dots ./a", "--format=dots", "--test.run X ./a", ""},
		{"--race --tags a,b --cover", "", "--race --tags a,b --cover", ""},

		// The value of a flag of go test is not ours, whatever it is.
		{"-run --format ./a", "", "-run --format ./a", ""},
		{"--run --format=x ./a", "", "--run --format=x ./a", ""},
		{"-test.run --format ./a", "", "-test.run --format ./a", ""},
		{"-run", "", "-run", ""},
		{"-v --format dots", "--format=dots", "-v", ""},
		{"-test.exec --format dots", "--format=dots", "-test.exec", ""}, // not a flag of go test

		// Ours anywhere before -args, without an effect on what go test sees.
		{"./a -custom --format=x v --junitfile=y", "--format=x --junitfile=y", "./a -custom v", ""},
		{"./a -custom --format x v -v w --junitfile=y", "--format=x --junitfile=y", "./a -custom v -v w", ""},
		{"./a -custom=v w x --junitfile y", "--junitfile=y", "./a -custom=v w x", ""},
		{"-custom --resources ./a", "--resources", "-custom ./a", ""},
		{"./a --custom v --format=x", "--format=x", "./a --custom v", ""},
		{"./a -args --format=x -h", "", "./a -args --format=x -h", ""},
		{"./a --args --format=x --formt", "", "./a --args --format=x --formt", ""},
		{"./a -custom=v w -args --format=x", "", "./a -custom=v w -args --format=x", ""},
		{"./a -args=1 --format=x", "--format=x", "./a -args=1", ""},
		{"./a -- --format=x", "", "./a -- --format=x", ""},
		{"--format=x -- ./a --format=y -h -f z", "--format=x", "./a --format=y -h -f z", ""},
		{"--format=x -- -- --format=y", "--format=x", "-- --format=y", ""},
		{"./a --format=x -- b", "--format=x", "./a -- b", ""},
		{"-- -v ./a --format=x", "", "-v ./a --format=x", ""},
		{"-- -- -v", "", "-- -v", ""},
		{"-v -- -x", "", "-v -- -x", ""},
		{"./a -custom=v w -h", "", "./a -custom=v w -h", ""},
		{"./a -custom=v w -- --format=x", "", "./a -custom=v w -- --format=x", ""},

		// Words that go test does not take for flags.
		{"---format=x --resources", "--resources", "---format=x", ""},
		{"--=x -=x - --resources", "--resources", "--=x -=x -", ""},

		// Misspelt.
		{"./a --formt=x", "", "./a --formt=x", "--formt:format"},
		{"./a --fromat x", "", "./a --fromat x", "--fromat:format"},
		{"./a --junit-file=x", "", "./a --junit-file=x", "--junit-file:junitfile"},
		{"./a --isolated", "", "./a --isolated", "--isolated:isolate"},
		{"./a --Format=x", "", "./a --Format=x", "--Format:format"},
		{"./a --colour=always", "", "./a --colour=always", "--colour:color"},
		{"./a --slowafter=1s", "", "./a --slowafter=1s", "--slowafter:slow-after"},
		{"./a --custom=x --verdict", "", "./a --custom=x --verdict", ""},
		{"./a -custom=v w --formt", "", "./a -custom=v w --formt", "--formt:format"},
		{"./a --x --ab", "", "./a --x --ab", ""},
		{"./a --cover --trace x", "", "./a --cover --trace x", ""},
	} {
		var w CommandLine
		if err := w.split(strings.Fields(tt.line), gotest.Settings{}, newSet(new(Options))); err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		var meant []string
		for _, m := range w.meant {
			meant = append(meant, m.word+":"+m.name)
		}
		for _, c := range []struct {
			what string
			got  []string
			want string
		}{{"ours", w.ours, tt.ours}, {"goes", w.Line.Words(), tt.goes}, {"meant", meant, tt.meant}} {
			if got := strings.Join(c.got, " "); got != c.want {
				t.Errorf("%s: %s are %q, want %q", tt.line, c.what, got, c.want)
			}
		}
	}
}

// TestSplitAsGotestsum is about whose a word is when pgtest is called by the name
// gotestsum, which takes its flags before -- and the first word that is none.
func TestSplitAsGotestsum(t *testing.T) {
	for _, tt := range []struct{ line, ours, goes, err string }{
		{"--format=dots ./a", "--format=dots", "./a", ""},
		{"--format dots ./a --format=x", "--format=dots", "./a --format=x", ""},
		{"-f dots -- -v ./a", "--format=dots", "-v ./a", ""},
		{"-f=dots", "--format=dots", "", ""},
		{"-fdots", "--format=dots", "", ""},
		{"-f -- ./a", "--format=--", "./a", ""},
		{"--leaks=fail -- ./a -f x", "--leaks=fail", "./a -f x", ""},
		{"-- --format=dots -- x", "", "--format=dots -- x", ""},
		{"-h", "--help", "", ""},
		{"-hx ./a", "--help", "./a", ""},
		{"-", "", "-", ""},
		{"./a -h", "", "./a -h", ""},
		{"--no-color ./a", "--no-color", "./a", ""},
		{"-v", "", "", "unknown shorthand flag: 'v' in -v"},
		{"-format=dots", "--format=ormat=dots", "", ""},
		{"--run=X", "", "", "unknown flag: --run"},
		{"---x", "", "", "bad flag syntax: ---x"},
		{"-f", "", "", "--format: a value is missing"},
	} {
		w := CommandLine{Gotestsum: true}
		err := w.split(strings.Fields(tt.line), gotest.Settings{}, newSet(new(Options)))
		if tt.err != "" || err != nil {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: %v, want %s", tt.line, err, tt.err)
			}
			continue
		}
		if ours, goes := strings.Join(w.ours, " "), strings.Join(w.Line.Words(), " "); ours != tt.ours || goes != tt.goes {
			t.Errorf("%s: %q and %q, want %q and %q", tt.line, ours, goes, tt.ours, tt.goes)
		}
	}
}

// TestPackages is about packages that do not stand among the words of go test.
func TestPackages(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	for _, tt := range []struct{ dir, line, pgtest, gotestsum string }{
		{"", "", "", "./..."},
		{"", "--format=dots", "", "./..."},
		{"", "-- -v", "-v", "-v"},
		{"", "-- ./a", "./a", "./a"},
		{"./d", "", "./d", "./d"},
		{"./d", "-- -v", "./d -v", "./d -v"},
		{"./d", "-- ./a -v", "./a -v", "./a ./d -v"},
		{"./d", "--packages=./p", "./p", "./p"},
		{"", "--packages=./p -- -v -args ./x", "./p -v -args ./x", "./p -v -args ./x"},
		{"", "--packages=./p -- ./a -custom x", "./a ./p -custom x", "./a ./p -custom x"},
		{"", "--packages= --format=dots", "", "./..."},
		{"./d", "--packages=./p -- -", "-", "-"},
		{"./d", "--packages=./p --raw-command -- x", "", ""},
	} {
		t.Setenv("TEST_DIRECTORY", tt.dir)
		for gotestsum, want := range map[bool]string{false: tt.pgtest, true: tt.gotestsum} {
			c, err := Parse(strings.Fields(tt.line), gotestsum)
			if got := strings.Join(c.Line.Words(), " "); err != nil || got != want {
				t.Errorf("TEST_DIRECTORY=%s, as gotestsum %t: %s: %q, %v, want %q", tt.dir, gotestsum, tt.line, got, err, want)
			}
		}
	}
}

// TestSplitSets is about flags of go test that pgtest heeds.
func TestSplitSets(t *testing.T) {
	for _, tt := range []struct {
		line string
		want gotest.Settings
		args string // of go test, with -json for merged flags
		dir  chdir
	}{
		{line: "-v ./a -bench=.", want: gotest.Settings{Verbose: true, Bench: "."}, args: "-json ./a -bench=."},
		{line: "--test.v=false ./a", args: "-json ./a"},
		{line: "./a -exec x --toolexec=y", want: gotest.Settings{Exec: []string{"x"}, ToolExec: []string{"y"}}, args: "./a -json -json"},
		{line: "-test.exec x ./a -v", args: "-test.exec x ./a -v"}, // ./a is an argument
		{line: "./a -custom=1 w -v -exec x", args: "./a -custom=1 w -v -exec x"},
		{line: "./a -custom v -v", want: gotest.Settings{Verbose: true}, args: "./a -custom v -json"},
		{line: "-test.json ./a", args: "-test.json ./a"}, // not a flag of go test
		{line: "-json=false ./a", args: "-json ./a"},
		{line: "-C d ./a", args: "-json ./a", dir: chdir{"d", 0, 2}},
		{line: "--jsonfile -C --C=d -v", want: gotest.Settings{Verbose: true}, args: "-json -json", dir: chdir{"d", 2, 1}},
		{line: "--format=x -- -C d", args: "-json", dir: chdir{"d", 2, 2}},
		{line: "./a -C d", args: "./a -C d"},
	} {
		var w CommandLine
		if err := w.split(strings.Fields(tt.line), gotest.Settings{}, newSet(new(Options))); err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		if !reflect.DeepEqual(w.Settings, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.line, w.Settings, tt.want)
		}
		if got := strings.Join(w.Line.EventWords(), " "); got != tt.args {
			t.Errorf("%s: go test gets %q, want %q", tt.line, got, tt.args)
		}
		if w.chdir != tt.dir {
			t.Errorf("%s: %+v, want %+v", tt.line, w.chdir, tt.dir)
		}
	}
}

// FuzzSplit takes apart words with zero bytes between them. Each goes to pgtest
// or to go test, once and in its place, and what follows -args to go test.
func FuzzSplit(f *testing.F) {
	for _, line := range []string{
		"./a -custom --format=x v --junitfile=y", "-run --format ./a -args --format", "--format -- -- -x",
		"-h -f dots --h", "- -- --- ---x -=x --=x", "-C d -exec 'x", "--jsonfile", "--formt ∂",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		var w CommandLine
		if err := w.split(slices.Clone(args), gotest.Settings{}, newSet(new(Options))); err != nil {
			return
		}
		goes := w.Line.Words()
		for _, arg := range args {
			if len(goes) > 0 && goes[0] == arg {
				goes = goes[1:]
			}
		}
		if len(goes) > 0 {
			t.Errorf("%q: go test gets %q, not in the order of the command line", args, w.Line.Words())
		}
		taken := len(args) - len(w.Line.Words())
		if taken < len(w.ours) || taken > 2*len(w.ours)+1 {
			t.Errorf("%q: %d words are pgtest's, but its flags are %q", args, taken, w.ours)
		}
		if at := slices.IndexFunc(args, func(a string) bool { return a == "-args" || a == "--args" }); at >= 0 {
			rest := args[at:]
			isValue := at > 0 && strings.HasPrefix(args[at-1], "-")
			if !isValue && !slices.Equal(w.Line.Words()[max(0, len(w.Line.Words())-len(rest)):], rest) {
				t.Errorf("%q: go test gets %q, which does not end with %q", args, w.Line.Words(), rest)
			}
		}
		if c := w.chdir; c.at+c.words > len(args) {
			t.Errorf("%q: -C is %+v", args, c)
		}
	})
}
