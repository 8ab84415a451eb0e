package gotest

import (
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTestArgs compares the arguments of a test binary with those that go test -n
// prints.
func TestTestArgs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.25\n", "m_test.go": "package m\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct{ goflags, line string }{
		{"", "-run=X -short -count=2 . -parallel 3"},
		{"", "-short=false -timeout=90s -failfast -benchmem=1 -test.cpu=1,2"},
		{"", ". -own -run X value -args -run=Y z"},
		{"", ". -- -run=Y"},
		{"", "-short . -args -run=Y z"},
		{"", "-cpuprofile=x -outputdir=y ."},
		{"", "-mutexprofile=x ."},
		{"", "-blockprofile=x ."},
		{"", "-trace=x ."},
		{"", "-cover -coverprofile=x ."},
		{"-timeout=1h -v", "-memprofile=x -bench=."},
		{"-short -count=3 -mod=mod -v", "-count=4 -p=2 -v"},
	}
	if slices.Contains(build.Default.ReleaseTags, "go1.26") {
		cases = append(cases, struct{ goflags, line string }{"", "-artifacts ."})
	}
	for _, tt := range cases {
		t.Setenv("GOFLAGS", tt.goflags)
		words := append(strings.Fields("-json -vet=off"), strings.Fields(tt.line)...)
		cmd := exec.Command("go", append([]string{"test", "-n"}, words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
		var want []string
		for line := range strings.Lines(string(out)) {
			if _, args, ok := strings.Cut(line, " -test.paniconexit0 "); ok {
				want = strings.Fields(strings.TrimSuffix(strings.TrimSpace(args), `\n"}`)) // an event's
				// The role has directories of its own for coverage.
				want = slices.DeleteFunc(want, func(word string) bool { return strings.HasPrefix(word, "-test.gocoverdir=") })
				if i := slices.Index(want, "-test.coverprofile=$WORK/b001/_cover_.out"); i >= 0 {
					want[i] = "-test.coverprofile=x"
				}
			}
		}
		want = slices.DeleteFunc(want, func(word string) bool { return word == "-test.v=true" }) // test2json comes first
		t.Chdir(dir)
		got, err := Parse(words).TestArgs(dir)
		// Go writes what it injects in the order of its flags.
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("GOFLAGS=%q, %q: %q (%v)\nwant %q", tt.goflags, tt.line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"-count=x": `invalid value "x" for flag -count: parse error`, "-parallel=x": `invalid value "x" for flag -parallel: parse error`, "-short=2": `invalid value "2" for flag -short: parse error`,
		"-timeout=5": `invalid value "5" for flag -timeout: parse error`, "-run": "flag needs an argument: -run", "-v=x": `invalid value "x" for flag -v: parse error`,
	} {
		if _, err := Parse(strings.Fields(line)).TestArgs(dir); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
