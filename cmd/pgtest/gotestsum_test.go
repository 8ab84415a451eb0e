package main

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"pgtest/harness/harnesstest/links"
)

// A comparison is a command line that gotestsum and pgtest, called by that name,
// run one after the other in the same module: the status, both outputs, and each
// file in $OUT must be the same, once times and addresses are blanked.
type comparison struct {
	name string
	// line is for the shell, in the module. COUNTERS, which the flaky tests
	// count in, is a new directory for each command; TIMING has an event file.
	line string
	// differs says why something is not the same, on purpose: "status",
	// "stdout", "stderr", or the name of a file. It must not be the same then.
	differs map[string]string
}

var comparisons = []comparison{
	// What runs.
	{name: "everything", line: "gotestsum --junitfile=$OUT/junit.xml --jsonfile=$OUT/events.json --jsonfile-timing-events=$OUT/timing.json"},
	{name: "packages", line: `gotestsum --packages='./good ./skips' --packages ./empty
		gotestsum --packages=./good -- -run=TestAttr ./skips
		cd good && gotestsum -- -run=TestAttr
		TEST_DIRECTORY=../skips gotestsum
		TEST_DIRECTORY=../skips gotestsum -- -run=TestSkips ../empty`},
	{name: "packages behind a flag", line: "gotestsum --format=standard-verbose --packages=./good -- -run=TestAttr ./empty -v",
		differs: map[string]string{"stdout": "gotestsum appends --packages, and go test takes them for arguments"}},
	{name: "words of go test", line: "gotestsum --format=standard-quiet -- -run=TestPasses -v ./failing -args x"},
	{name: "flaky", line: "gotestsum -- ./flaky; gotestsum -- ./flaky; gotestsum -- ./flaky"},
	{name: "raw command", line: "gotestsum --raw-command -- sh -c 'go test -json ./good; exit 7'"},
	{name: "raw command without dashes", line: "gotestsum --raw-command go test -json ./good"},
	{name: "raw command that fails with status 0", line: "gotestsum --raw-command -- sh -c 'go test -json ./failing; exit 0'",
		differs: map[string]string{"status": "a failure in the events of a command is no success"}},
	{name: "other lines", line: "gotestsum --ignore-non-json-output-lines --raw-command -- sh -c 'echo no event; go test -json ./good'"},
	{name: "other lines without the flag", line: "gotestsum --raw-command -- sh -c 'echo no event; go test -json ./good'",
		differs: map[string]string{
			"status": "lines that are no events end no run", "stdout": "they are shown", "stderr": "and are no error",
		}},

	{name: "rerun", line: `gotestsum --format=testname --rerun-fails --rerun-fails-report=$OUT/report --packages="./flaky ./good"; echo $?
		gotestsum --format=testname --rerun-fails=1 --rerun-fails-report=$OUT/report2 --rerun-fails-max-failures=3 --packages="./failing ./flaky"`,
		differs: map[string]string{"stdout": "a round runs the failed tests of all packages at once, and what passes in the end is flaky"}},

	{name: "max-fails", line: `gotestsum --max-fails=1 ./failing; echo $?; gotestsum --max-fails=9 --hide-summary=all ./good ./failing`,
		differs: map[string]string{"stdout": "what was running and what did not run is reported", "stderr": ownErrors}},
	{name: "too many failures for a rerun", line: "gotestsum --rerun-fails --rerun-fails-max-failures=1 --packages=./failing",
		differs: map[string]string{"stderr": ownErrors}},

	// How it is shown.
	{name: "formats", line: `go test -json ./good ./failing ./skips ./empty >$COUNTERS/events
		for format in dots pkgname pkgname-and-test-fails testname testdox github-actions standard-quiet standard-json none \
			dots-v1 gotestdox short-verbose short short-with-failures github-action; do
			echo == $format; gotestsum --format=$format --raw-command -- sh -c 'cat $COUNTERS/events; exit 1'; done`},
	{name: "standard-verbose", line: "gotestsum --format=standard-verbose -- ./failing",
		differs: map[string]string{"stdout": "subtests are indented below their parent, as go test -v prints them"}},
	{name: "short forms", line: "gotestsum -f testname ./good; gotestsum -f=testdox ./good; gotestsum -fdots ./good"},
	{name: "variables", line: `GOTESTSUM_FORMAT=testname GOTESTSUM_FORMAT_ICONS=text GOTESTSUM_JSONFILE=$OUT/e.json GOTESTSUM_JUNITFILE=$OUT/j.xml \
		GOTESTSUM_JUNITFILE_PROJECT_NAME=p GOTESTSUM_JUNIT_HIDE_EMPTY_PKG=yes GOTESTSUM_JUNIT_HIDE_SKIPPED_TESTS=1 \
		GOTESTSUM_JSONFILE_TIMING_EVENTS=$OUT/t.json GOVERSION=go7 gotestsum ./empty ./skips`},
	{name: "summary", line: `gotestsum --hide-summary=skipped --no-summary=output -- ./failing ./skips
		gotestsum --hide-summary=all ./failing`},
	{name: "empty packages", line: "gotestsum --format-hide-empty-pkg --junitfile=$OUT/junit.xml --junitfile-hide-empty-pkg --junitfile-hide-skipped-tests ./empty ./skips"},
	{name: "icons", line: "gotestsum --format-icons=text ./good; gotestsum --format-hivis ./good"},
	{name: "colour", line: "unset NO_COLOR; gotestsum --no-color=false ./failing; gotestsum --no-color ./failing; CI=1 TRAVIS=1 gotestsum ./failing"},
	{name: "class names", line: "gotestsum --junitfile=$OUT/junit.xml --junitfile-testsuite-name=short --junitfile-testcase-classname=relative --junitfile-project-name=p ./good ./skips"},
	{name: "debug", line: "gotestsum --debug ./good",
		differs: map[string]string{"stderr": "the id of the go process is of no use to a user"}},

	// The command afterwards.
	{name: "post-run command", line: `gotestsum --jsonfile=$OUT/e.json --jsonfile-timing-events=$OUT/t.json --junitfile=$OUT/j.xml --format=dots \
		--post-run-command="sh -c 'env | grep -E \"^(TESTS_(TOTAL|FAILED|SKIPPED|ERRORS)|GOTESTSUM_(J|E))\" | sort; ls $OUT; echo err >&2'"`},
	{name: "post-run command that fails", line: "gotestsum --post-run-command='sh -c \"exit 5\"' ./failing",
		differs: map[string]string{"stderr": ownErrors}},

	// Tools.
	{name: "tool slowest", line: `for flags in --num=2 --threshold=0.2s '--num 5 --threshold 1h' --threshold=0 ''; do
			gotestsum tool slowest $flags --jsonfile=$TIMING; gotestsum tool slowest $flags <$TIMING; done
		GOTESTSUM_JSONFILE=$TIMING gotestsum tool slowest`},
	// Where gotestsum breaks lines depends on chance, so the files have none here.
	{name: "tool slowest that edits", line: `cp -r . $COUNTERS/m; cd $COUNTERS/m; export GOFLAGS=
		gotestsum tool slowest --skip-stmt=testing.Short --jsonfile=$TIMING --threshold=0.2s; echo $?
		gotestsum tool slowest --skip-stmt='if os.Getenv("FAST") != "" { t.Skip("too slow") }' --jsonfile=$TIMING --num=1
		for p in good failing skips; do tr -d ' \t\n,' <$p/${p}_test.go >$OUT/$p; done`},
	{name: "tool ci-matrix", line: `go test -json ./good >$COUNTERS/timing1.log; cp $TIMING $COUNTERS/timing2.log
		sed "s/Elapsed\":4/Elapsed\":0.3/" $TIMING >$COUNTERS/timing3.log
		for n in 2 3 9; do go list ./... | gotestsum tool ci-matrix --partitions=$n --timing-files="$COUNTERS/timing[23].log" 2>&1 | sed s:$COUNTERS:C:; done`},

	// Errors.
	{name: "errors", line: `try() { "$@" >/dev/null; echo $?; }
		try gotestsum --nosuch; try gotestsum -v ./good; try gotestsum -x; try gotestsum --format=nosuch; try gotestsum --hide-summary=x
		try gotestsum --raw-command -- nosuch; try gotestsum --post-run-command=nosuch ./good; try gotestsum --raw-command
		try gotestsum tool nosuch; try gotestsum tool slowest --nosuch; try gotestsum tool slowest --jsonfile=nosuch; try gotestsum tool slowest --num=x
		try gotestsum tool ci-matrix; try gotestsum tool ci-matrix --partitions=2; try gotestsum --junitfile=/dev/null/x ./good
		echo no event >$COUNTERS/x; try gotestsum tool slowest --jsonfile=$COUNTERS/x
		try gotestsum help; try gotestsum --help; try gotestsum -h; try gotestsum "?"; try gotestsum tool; try gotestsum tool slowest --help; try gotestsum --version`,
		differs: map[string]string{"stderr": ownErrors}},
	{name: "killed", line: "gotestsum --raw-command -- sh -c 'kill -9 $$'",
		differs: map[string]string{"stderr": "pgtest says what became of the command"}},
	{name: "no go command", line: "PATH=${PATH%%:*} gotestsum", differs: map[string]string{"stderr": ownErrors}},
}

const ownErrors = "pgtest's messages start with its name, name the flag, and are a line each"

// blanks are what differs between two runs of anything.
var blanks = []struct {
	what *regexp.Regexp
	by   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(` ?\(\d+(\.\d+)?m?s\)`), ""}, // which is left out if it is 0
	{regexp.MustCompile(`\d+(\.\d+)?m?s\b`), "ELAPSED"},
	{regexp.MustCompile(`"Elapsed":[\d.]+`), `"Elapsed":0`},
	{regexp.MustCompile(`0x[0-9a-f]+`), "0x0"},
	{regexp.MustCompile(`goroutine \d+`), "goroutine 0"},
	{regexp.MustCompile(`pid: \d+`), "pid: 0"},
}

func blank(text, out string) string {
	text = strings.ReplaceAll(text, out, "$OUT")
	for _, b := range blanks {
		text = b.what.ReplaceAllString(text, b.by)
	}
	return text
}

// TestGotestsum compares pgtest with the gotestsum of go.mod.
func TestGotestsum(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	module := t.TempDir()
	if err := os.CopyFS(module, os.DirFS(filepath.Join("testdata", "gotestsum", "module"))); err != nil {
		t.Fatal(err)
	}
	theirs, ours, flag := filepath.Dir(gotestsum(t)), asGotestsum(t), linksFlag(t)
	for _, c := range comparisons {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			want, got := c.run(t, module, theirs, flag), c.run(t, module, ours, "")
			names := slices.AppendSeq(slices.Collect(maps.Keys(want)), maps.Keys(got))
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				why, differs := c.differs[name]
				if same := got[name] == want[name]; differs == same {
					t.Errorf("%s is the same: %t, with the reason %q to differ\n%s", name, same, why,
						diff.Diff("gotestsum", []byte(want[name]), "pgtest", []byte(got[name])))
				}
			}
		})
	}
}

// run returns what a command line writes, by output, with the command in bin and
// a flag more in GOFLAGS.
func (c comparison) run(t *testing.T, module, bin, flag string) map[string]string {
	t.Helper()
	out := t.TempDir()
	timing, err := filepath.Abs(filepath.Join("testdata", "gotestsum", "timing.json"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", c.line)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "OUT="+out, "COUNTERS="+t.TempDir(), "TMPDIR="+scratch(t), "TIMING="+timing, "PWD="+module,
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "GOFLAGS=-count=1 -p=1 -vet=off -buildvcs=false "+flag, "NO_COLOR=1")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	all := map[string]string{
		"status": fmt.Sprint(cmd.ProcessState.ExitCode()), "stdout": blank(stdout.String(), out), "stderr": blank(stderr.String(), out),
	}
	for _, name := range regularFiles(t, out) {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".xml") {
			all[name] = cases(t, text)
		} else {
			all[name] = blank(string(text), out)
		}
	}
	return all
}

// linksFlag returns a flag for GOFLAGS with which a reference links a test binary
// once, as pgtest does, in a link cache of its own.
func linksFlag(t *testing.T) string {
	t.Helper()
	flag, err := links.Flag(pgtestPath, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return flag
}

// scratch makes a directory for temporary files. A gotestsum that ends early
// kills go, whose work directory stays, and compilers go on in it for a moment.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgtest-gotestsum-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			err := os.RemoveAll(dir)
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Error(err)
				break
			}
		}
	})
	return dir
}

// cases returns a JUnit report's project, suites and test cases, a line each.
// Three things are left out, because pgtest says more: attributes, messages,
// types and properties are its own; a package without a failed test may be in
// error; errors of no package have no suite.
func cases(t *testing.T, report []byte) string {
	t.Helper()
	var suites struct {
		Name   string `xml:"name,attr"`
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string    `xml:"name,attr"`
				Class   string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(report, &suites); err != nil {
		t.Fatal(err)
	}
	lines := []string{"project " + suites.Name}
	for _, s := range suites.Suites {
		if s.Name == "" {
			continue
		}
		lines = append(lines, "suite "+s.Name)
		for _, c := range s.Cases {
			end := "passed"
			switch {
			case c.Name == "TestMain":
				c.Name, c.Class, end = "whole package", "", "failed"
			case c.Failure != nil:
				end = "failed"
			case c.Error != nil:
				end = "in error"
			case c.Skipped != nil:
				end = "skipped"
			}
			lines = append(lines, fmt.Sprintf("%s %s %s", c.Class, c.Name, end))
		}
	}
	return strings.Join(lines, "\n")
}

// gotestsum returns the path of the reference, which is built once.
func gotestsum(t *testing.T) string {
	t.Helper()
	path, err := buildGotestsum()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildGotestsum = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(pgtestPath), "reference", "gotestsum")
	out, err := exec.Command("go", "build", "-o", path, "gotest.tools/gotestsum").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// asGotestsum returns a directory in which gotestsum is a link to pgtest.
func asGotestsum(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(pgtestPath, filepath.Join(dir, "gotestsum")); err != nil {
		t.Fatal(err)
	}
	return dir
}
