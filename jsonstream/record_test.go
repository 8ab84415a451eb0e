package jsonstream

import (
	"bytes"
	"flag"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	record    = flag.String("record", "", "record the streams in testdata whose names match the `regexp` anew, by running go test on testdata/module")
	toolchain = flag.String("toolchain", "", "record with this `version` of go, such as go1.27.3, into streams named go1.27-…")
)

// recordings are the real runs behind testdata/streams: a name and the words
// after "go test -json -trimpath".
var recordings = []struct {
	name string
	args []string
}{
	{"pass", []string{"-count=1", "./pass"}},
	{"fail", []string{"-count=1", "./fail"}},
	{"skip", []string{"-count=1", "./skip"}},
	{"panic", []string{"-count=1", "./panics"}},
	{"panicparallel", []string{"-count=1", "./panicparallel"}},
	{"latepanic", []string{"-count=1", "./latepanic"}},
	{"exit", []string{"-count=1", "./exits"}},
	{"killed", []string{"-count=1", "./killed"}},
	{"buildfail", []string{"-count=1", "./buildfail", "./importsbroken", "./pass"}},
	{"vetfail", []string{"-count=1", "./vetfail", "./pass"}},
	{"timeout", []string{"-count=1", "-timeout=1s", "./timeout"}},
	{"race", []string{"-count=1", "-race", "./race"}},
	{"fuzz", []string{"-fuzz=.", "-fuzztime=200x", "./fuzz"}},
	{"fuzzseeds", []string{"-count=1", "./fuzz"}},
	{"fuzzfail", []string{"-fuzz=.", "-fuzztime=10s", "./fuzzfail"}},
	{"bench", []string{"-count=1", "-bench=.", "-benchtime=5x", "./bench"}},
	{"benchfail", []string{"-count=1", "-bench=.", "-benchtime=5x", "./benchfail", "./bench"}},
	{"cover", []string{"-count=1", "-cover", "./pass", "./fail", "./empty", "./notests"}},
	{"shuffle", []string{"-count=1", "-shuffle=42", "./pass", "./fail"}},
	{"mainexit", []string{"-count=1", "./mainexit"}},
	{"mainafter", []string{"-count=1", "./mainafter"}},
	{"mainpanic", []string{"-count=1", "./mainpanic"}},
	{"count", []string{"-count=3", "./pass", "./fail", "./skip"}},
	{"cached", []string{"./pass", "./skip"}},
	{"empty", []string{"-count=1", "./empty", "./notests", "./pass"}},
	{"norun", []string{"-count=1", "-run=NoSuchTest", "./pass", "./fail"}},
	{"parallel", []string{"-count=1", "./parallel"}},
	{"names", []string{"-count=1", "./names"}},
	{"attrs", []string{"-count=1", "./attrs"}},
	{"artifacts", []string{"-count=1", "-artifacts", "-outputdir=" + os.TempDir(), "./attrs"}},
	{"bytes", []string{"-count=1", "./bytes"}},
	{"failfast", []string{"-count=1", "-failfast", "./fail", "./pass"}},
	{"list", []string{"-list=.", "./pass", "./fuzz"}},
	{"all", []string{"-count=1", "-p=4", "./pass", "./fail", "./skip", "./panics", "./exits", "./buildfail",
		"./vetfail", "./mainexit", "./empty", "./notests", "./parallel", "./names", "./attrs", "./bytes"}},
}

// TestRecord runs the recordings if the flag is given.
func TestRecord(t *testing.T) {
	if *record == "" {
		t.Skip("only with -record")
	}
	wanted, prefix := regexp.MustCompile(*record), ""
	if *toolchain != "" {
		prefix = version.Lang(*toolchain) + "-"
		t.Setenv("GOTOOLCHAIN", *toolchain)
	}
	artifacts := regexp.MustCompile(`"(=== ARTIFACTS \S+ )?[^" ]*/_artifacts/[^"\\]*`)
	for _, r := range recordings {
		if !wanted.MatchString(r.name) {
			continue
		}
		runs := 1
		if r.name == "cached" {
			runs = 2
		}
		for range runs {
			cmd := exec.Command("go", append([]string{"test", "-json", "-trimpath"}, r.args...)...)
			cmd.Dir = "testdata/module"
			cmd.Env = append(os.Environ(), "GOFLAGS=")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			t.Logf("%s: %v\n%s", r.name, cmd.Run(), stderr.Bytes())
			events := artifacts.ReplaceAll(stdout.Bytes(), []byte(`"${1}/tmp/_artifacts/1`))
			if err := os.WriteFile(filepath.Join("testdata/streams", prefix+r.name+".json"), events, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		os.RemoveAll("testdata/module/fuzzfail/testdata")
	}
}
