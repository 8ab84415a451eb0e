package gotest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestParse wants each part of a line to be what it is to go test: f a flag of
// go test, o another flag, p a package, a an argument, r the rest.
func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "",
		"./a ./b":                     "p:./a p:./b",
		"-v ./a":                      "f:-v p:./a",
		"-run X ./a":                  "f:-run_X p:./a",
		"-run=X ./a":                  "f:-run=X p:./a",
		"--test.run X ./a":            "f:--test.run_X p:./a",
		"-run -v ./a":                 "f:-run_-v p:./a",
		"./a -run":                    "p:./a f:-run",
		"./a -v ./b -v":               "p:./a f:-v a:./b a:-v",
		"-custom ./a ./b":             "o:-custom a:./a a:./b",
		"./a -custom v -v w -v":       "p:./a o:-custom a:v f:-v a:w a:-v",
		"./a -custom=v w":             "p:./a o:-custom=v a:w",
		"./a -args -v ./b":            "p:./a r:-args_-v_./b",
		"./a -- -v":                   "p:./a r:--_-v",
		"-v -- ./a":                   "f:-v r:--_./a",
		"./a -v w -args -v":           "p:./a f:-v a:w a:-args_-v",
		"./a -args=x -v":              "p:./a o:-args=x f:-v",
		"- --=x ---x":                 "p:- p:--=x p:---x",
		"-test.json -test.exec ./a":   "o:-test.json o:-test.exec a:./a",
		"-C d ./a -C e":               "f:-C_d p:./a f:-C_e",
		"-benchmem=false -o x ./a -c": "f:-benchmem=false f:-o_x p:./a f:-c",
	} {
		l := Parse(strings.Fields(line))
		var got []string
		for _, p := range l.Parts() {
			got = append(got, []string{"f", "o", "p", "a", "r"}[p.Kind]+":"+strings.Join(p.Words, "_"))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestWith says the same commands with another -run, and with other packages.
// Go test sees nothing else change.
func TestWith(t *testing.T) {
	dir := module(t)
	for line, want := range map[string][2]string{
		"":                          {"-run=Y", "./b ./c"},
		"./a":                       {"-run=Y ./a", "./b ./c"},
		"-v ./a ./b -count=1":       {"-run=Y -v ./a ./b -count=1", "-v ./b ./c -count=1"},
		"-v -run X ./a":             {"-v -run=Y ./a", "-v -run X ./b ./c"},
		"./a -test.run=X ./b":       {"./a -run=Y ./b", "./b ./c -test.run=X ./b"},
		"-run=X ./a --run Z -v":     {"-run=Y ./a -run=Y -v", "-run=X ./b ./c --run Z -v"},
		"-C=. ./a":                  {"-C=. -run=Y ./a", "-C=. ./b ./c"},
		"-C . -v":                   {"-C . -run=Y -v", "-C . ./b ./c -v"},
		"-custom ./a -v":            {"-run=Y -custom ./a -v", "./b ./c -custom ./a -v"},
		"-args -run=X":              {"-run=Y -args -run=X", "./b ./c -args -run=X"},
		"./a -custom=1 w -run X ./": {"-run=Y ./a -custom=1 w -run X ./", "./b ./c -custom=1 w -run X ./"},
		"-- ./a":                    {"-run=Y -- ./a", "./b ./c -- ./a"},
	} {
		l := Parse(strings.Fields(line))
		run, packages := l.With("run", "Y"), l.WithPackages("./b", "./c")
		for i, got := range []Line{run, packages} {
			if got := strings.Join(got.Words(), " "); got != want[i] {
				t.Errorf("%s: %s, want %s", line, got, want[i])
			}
		}
		if got := strings.Join(l.Words(), " "); got != line {
			t.Errorf("%s became %s", line, got)
		}
		plain := sees(l) // as go test does: see FuzzGo
		ofRun, okRun := goSees(t, dir, run.Words())
		ofPackages, okPackages := goSees(t, dir, packages.Words())
		if !okRun || !okPackages {
			t.Errorf("%s: go test takes it with -run: %t, with packages: %t", line, okRun, okPackages)
			continue
		}
		if !slices.Equal(ofRun.packages, plain.packages) || !slices.Equal(ofPackages.args, plain.args) ||
			!slices.Equal(ofPackages.packages, []string{"b", "c"}) || !slices.Contains(ofRun.args, "-test.run=Y") ||
			!slices.Equal(without(ofRun.args, "-test.run="), without(plain.args, "-test.run=")) {
			t.Errorf("%s: to go test %q; with -run %q; with packages %q", line, plain, ofRun, ofPackages)
		}
	}
}

func TestValue(t *testing.T) {
	for line, want := range map[string]string{
		"-p 2 ./a": "2", "-p=2 ./a -p=3": "3", "./a -args -p=2": "", "-custom -p": "", "./a": "",
	} {
		if got := Parse(strings.Fields(line)).Value("p"); got != want {
			t.Errorf("%s: -p is %q, want %q", line, got, want)
		}
	}
}

// FuzzLine takes apart words with zero bytes between them. None gets lost. In a
// line with another flag or other packages, all other words mean what they did.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		"./a -custom v -v w", "-run -v ./a -args -run", "-- -x", "- -- --- ---x -=x --=x", "-C d -exec 'x -run",
		"-C d -C e ./a -p", "--test.run=x ∂ --run=y ./a", "./a -run x -args -run y", "-test.v -args",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, "\x00")
		l := Parse(words)
		if got := l.Words(); !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
		run, packages := l.With("run", "x"), l.WithPackages("a", "b")
		others := func(l Line, own func(Part) bool) []Part { return slices.DeleteFunc(slices.Clone(l.parts), own) }
		for _, c := range []struct {
			changed Line
			own     func(Part) bool
		}{
			{run, func(p Part) bool { return p.sets("run") }},
			{packages, func(p Part) bool { return p.Kind == Package }},
		} {
			if got, want := others(c.changed, c.own), others(l, c.own); !reflect.DeepEqual(got, want) {
				t.Errorf("%q: other parts are %+v, were %+v", words, got, want)
			}
		}
		if got := packages.Packages(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%q: packages %q", words, got)
		}
		if got := run.Value("run"); got != "x" || !slices.Equal(run.Packages(), l.Packages()) {
			t.Errorf("%q: -run is %q, packages %q", words, got, run.Packages())
		}
		if got := l.Words(); !slices.Equal(got, words) {
			t.Errorf("%q was changed to %q", words, got)
		}
	})
}

// vocabulary are words that mean something to go test, of which FuzzGo makes
// lines.
var vocabulary = []string{
	"./a", "./b", "example.com/m/c", "w", "-custom", "--custom", "-custom=x", "-v", "--v", "-v=true", "-run", "-run=X",
	"--test.run", "-test.short", "-args", "--args", "--", "-", "-=x", "---x", "-count=1", "-cpu", "2", "-p", "1",
	"-failfast=false", "-tags=t", "-vet=off", "-C", ".", "-C=.", "-x", "-args=x", "-test.json", "-list=X", "-skip", "-o", "-bench=.",
}

// FuzzGo takes lines apart as go test does, with go test -n as the referee.
// Each byte is a word of the vocabulary. Lines that go test refuses say
// nothing.
func FuzzGo(f *testing.F) {
	for _, line := range []string{
		"", "./a", "./a ./b example.com/m/c", "-v ./a --v", "./a -v ./b", "-run w ./a", "./a -run -v -run=X", "-custom ./a",
		"./a -custom w -v -", "./a -custom=x w -v", "./a --custom -run=X", "-v=true -args ./a", "./a -- -v", "-- ./a",
		"./a -v w -args -v", "./a -args=x -v", "./a -test.json w", "-test.short ./b -cpu 2 -count=1", "-C . ./a", "-C=. -p 1 -skip w",
		"-C ./a", ". -run=X", "--test.run --custom ./a --args --", "./a -custom -=x -v ---x -v", "./a -failfast=false 1 -failfast=false",
	} {
		var choice []byte
		for _, word := range strings.Fields(line) {
			i := slices.Index(vocabulary, word)
			if i < 0 {
				f.Fatalf("%s is no word of the vocabulary", word)
			}
			choice = append(choice, byte(i))
		}
		f.Add(choice)
	}
	dir := module(f)
	f.Fuzz(func(t *testing.T, choice []byte) {
		if len(choice) > 12 {
			t.Skip("longer than it must be")
		}
		var words []string
		for _, b := range choice {
			words = append(words, vocabulary[int(b)%len(vocabulary)])
		}
		want, ok := goSees(t, dir, words)
		if !ok {
			t.Skip("not a line that go test takes")
		}
		if got := sees(Parse(words)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, to go test %q", words, got, want)
		}
	})
}

// A view of a line is which packages are tested, and what test binaries get
// because of its words.
type view struct{ packages, args []string }

// sees is the view of a line whose packages are those of module.
func sees(l Line) view {
	var v view
	dir, _ := l.Dir()
	for _, p := range l.Parts() {
		switch p.Kind {
		case OwnFlag:
			name := strings.TrimPrefix(p.Name, "test.")
			if _, passed := testFlags[name]; passed {
				if !p.HasValue {
					p.Value = "true"
				}
				v.args = append(v.args, "-test."+name+"="+p.Value)
			}
		case Rest:
			if p.Word != "--" {
				p.Words = p.Words[1:]
			}
			v.args = append(v.args, p.Words...)
		case OtherFlag, Argument:
			v.args = append(v.args, p.Words...)
		case Package:
			v.packages = append(v.packages, filepath.Base(filepath.Join("m", dir, p.Word)))
		}
	}
	if v.packages == nil {
		v.packages = []string{filepath.Base(filepath.Join("m", dir))}
	}
	slices.Sort(v.packages)
	v.packages = slices.Compact(v.packages)
	return v
}

// goSees is go test's own view, or false if it refuses the line.
func goSees(t *testing.T, dir string, words []string) (view, bool) {
	t.Helper()
	// -C must come first, so -n comes with GOFLAGS.
	cmd := exec.Command("go", append([]string{"test"}, words...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-n -vet=off -exec=REFEREE", "GOPROXY=off", "GOENV=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return view{}, false
	}
	var v view
	for line := range bytes.Lines(out) {
		run, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "REFEREE ")
		if !ok {
			continue
		}
		binary, args, _ := strings.Cut(run, " ")
		v.packages = append(v.packages, strings.TrimSuffix(filepath.Base(binary), ".test"))
		v.args = without(strings.Fields(args), "-test.paniconexit0")
		if len(v.args) == 0 || v.args[0] != "-test.timeout=10m0s" {
			t.Fatalf("%q: not as go test writes it: %s", words, line)
		}
		v.args = v.args[1:]
	}
	if len(v.args) == 0 {
		v.args = nil
	}
	slices.Sort(v.packages)
	return v, v.packages != nil
}

func without(words []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return strings.HasPrefix(w, prefix) })
}

// module makes a module with the packages m, a, b and c.
func module(tb testing.TB) string {
	dir := tb.TempDir()
	for _, name := range []string{"m", "a", "b", "c"} {
		path := filepath.Join(dir, name, "x_test.go")
		if name == "m" {
			path = filepath.Join(dir, "x_test.go")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package "+name+"\n"), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/m\n\ngo 1.24\n"), 0o666); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func TestListWords(t *testing.T) {
	got := Parse([]string{"-v", "-tags", "x", "-run=A", "-race", "./a", "./b", "-count=1", "-args", "-tags=y"}).ListWords()
	if want := []string{"-tags", "x", "-race", "./a", "./b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWithArgument(t *testing.T) {
	for line, want := range map[string]string{
		"./a -v":             "./a -update -v",
		"-v ./a ./b":         "-v ./a ./b -update",
		"-run x ./a -args y": "-run x ./a -update -args y",
		"./a -x 3 z":         "./a -update -x 3 z",
		"-v":                 ". -update -v",
	} {
		if got := strings.Join(Parse(strings.Fields(line)).WithArgument("-update").Words(), " "); got != want {
			t.Errorf("%s: %s; want %s", line, got, want)
		}
	}
}
