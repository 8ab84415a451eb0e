package timing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/history"
	"pgtest/harness/outfile"
	"pgtest/harness/plural"
	"pgtest/harness/shard"
	"pgtest/jsonstream/result"
)

const planHelp = `Divide packages among shards, so that each takes as long by the time that tests
took before, and write the plan for --shard-plan:

    NAME --shards=4 -o plan.json --timing-files='times/*' ./...
    pgtest --shard=1/4 --shard-plan=plan.json ./...

Behind the flags stand packages and build flags as of go test. The files come from
--jsonfile, --jsonfile-timing-events, --junitfile or tool history export, and event
files may be compressed with zstd; without them the times are those of the history.
A package without a time gets the mean of the others; one that is a large part of a
shard is divided by its tests.
What comes later, and is in no plan, is in one shard, too.
`

func plan(name string, args []string, s Streams) error {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	shards := set.Uint("shards", 0, "`n` shards")
	set.UintVar(shards, "n", 0, "the same")
	out := set.String("o", "", "`path` of the plan; standard output by default")
	pattern := set.String("timing-files", "", "`pattern` of the files' names, as 'times/*'")
	own, rest := OwnFlags(set, args)
	if ok, err := ParseFlags(set, own, planHelp, s.Out); !ok {
		return err
	}
	if *shards < 1 {
		return errors.New("--shards must be 1 or more")
	}
	to := io.Writer(s.Out)
	if *out != "" {
		f, err := outfile.CreateWhole(*out)
		if err != nil {
			return fmt.Errorf("-o %w", err)
		}
		defer f.Abort() // nothing after Commit
		to = f
	}
	times := make(Times)
	if *pattern != "" {
		paths, err := filepath.Glob(*pattern)
		if err == nil && len(paths) == 0 {
			err = errors.New("there is no such file")
		}
		if err != nil {
			return fmt.Errorf("--timing-files %s: %w", *pattern, err)
		}
		if times, err = readTimes(paths); err != nil {
			return err
		}
	} else if dir, err := os.Getwd(); err == nil {
		store, err := history.OfUser(dir, gotest.Env("GOWORK"))
		if err != nil {
			fmt.Fprintf(os.Stderr, "pgtest: tool plan: no times of earlier runs: %v\n", err)
		} else {
			times.addHistory(store)
		}
	}
	packages, withTests, err := list(gotest.Parse(rest))
	if err != nil {
		return err
	}
	known := times.of(packages)
	for i, p := range known {
		if !withTests[p.Path] || p.Time == 0 && times[p.Path] != nil {
			known[i].Time = fast
		}
	}
	p := shard.Divide(known, int(*shards))
	p.Commit = shard.Head("")
	err = p.Write(to)
	if f, isFile := to.(*outfile.Whole); isFile {
		if err = errors.Join(err, f.Commit()); err != nil {
			err = fmt.Errorf("-o %w", err)
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "%s in %s\n", plural.Count(len(packages), "package", "packages"), plural.Count(int(*shards), "shard", "shards"))
	return nil
}

// fast is the time of a package that took none, or has no tests: 0 is unknown.
const fast = time.Millisecond

// OwnFlags divides words into flags of a set, with their values, and go's.
func OwnFlags(set *flag.FlagSet, args []string) (own, rest []string) {
	for len(args) > 0 {
		f, n := gotest.CutFlag(args[0]), 1
		to := &rest
		if help := f.Name == "h" || f.Name == "help"; set.Lookup(f.Name) != nil || help {
			if to = &own; !f.HasValue && !help {
				n = min(2, len(args))
			}
		}
		*to = append(*to, args[:n]...)
		args = args[n:]
	}
	return own, rest
}

// list returns the import paths of packages, by their patterns and build flags,
// and which have test files.
func list(line gotest.Line) (paths []string, withTests map[string]bool, err error) {
	const format = "{{.ImportPath}}{{if or .TestGoFiles .XTestGoFiles}} tests{{end}}"
	text, _, err := gotest.Ask("", append([]string{"list", "-f", format}, line.ListWords()...)...)
	if err != nil {
		return nil, nil, err
	}
	withTests = make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		path, tests, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		paths = append(paths, path)
		withTests[path] = tests != ""
	}
	return paths, withTests, nil
}

// Times are how long packages took in several runs, and their top-level tests.
type Times map[string]*packageTimes

type packageTimes struct {
	all   []time.Duration
	tests map[string][]time.Duration
	// parts are the times of shards of a run with a plan, which may divide the
	// package: by the run and the shard.
	parts map[string]map[int][]time.Duration
}

func (t Times) at(path string) *packageTimes {
	p := t[path]
	if p == nil {
		p = &packageTimes{tests: make(map[string][]time.Duration), parts: make(map[string]map[int][]time.Duration)}
		t[path] = p
	}
	return p
}

// add adds the time of the package in a file, which may be that of a shard.
func (p *packageTimes) add(m shard.Mark, took time.Duration) {
	if m.Plan == "" {
		p.all = append(p.all, took)
		return
	}
	run := m.Plan + " " + m.Commit
	if p.parts[run] == nil {
		p.parts[run] = make(map[int][]time.Duration)
	}
	p.parts[run][m.Index] = append(p.parts[run][m.Index], took)
}

// time is how long the whole package takes.
func (p *packageTimes) time() time.Duration {
	all := slices.Clone(p.all)
	for _, shards := range p.parts {
		var sum time.Duration
		for _, list := range shards {
			sum += typical(list)
		}
		all = append(all, sum)
	}
	return typical(all)
}

// test adds the time of a test, unless it is a subtest.
func (p *packageTimes) test(name string, took time.Duration) {
	if !strings.Contains(name, "/") {
		p.tests[name] = append(p.tests[name], took)
	}
}

// of returns what is known of packages. Of several runs it is the time within
// which 85 of 100 ended.
func (t Times) of(paths []string) []shard.Package {
	var all []shard.Package
	for _, path := range paths {
		p := shard.Package{Path: path}
		if known := t[path]; known != nil {
			p.Time, p.Tests = known.time(), make(map[string]time.Duration)
			for name, list := range known.tests {
				p.Tests[name] = typical(list)
			}
		}
		all = append(all, p)
	}
	return all
}

func typical(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[int(math.Ceil(0.85*float64(len(list))))-1]
}

// readTimes reads event files, exported runs and JUnit files.
func readTimes(paths []string) (Times, error) {
	times := make(Times)
	for _, path := range paths {
		if err := times.addFile(path); err != nil {
			return nil, fmt.Errorf("--timing-files %w", err)
		}
	}
	return times, nil
}

func (t Times) addFile(path string) error {
	f, err := open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	start, _ := in.Peek(1)    // an error comes again
	of, _ := shard.Scan(path) // of no shard if it can't be read
	if bytes.Equal(start, []byte("<")) {
		return t.addJUnit(path, in, of.Mark)
	}
	return t.addEvents(path, in, of.Mark)
}

// maxHistory is how many runs of the history are read.
const maxHistory = 20

// addHistory adds the times of packages that ran whole.
func (t Times) addHistory(store *history.Store) {
	n := 0
	for run := range store.Runs() {
		if len(run.Narrow) > 0 || run.Outcome == history.Running {
			continue
		}
		ran := make(map[string]bool)
		for _, p := range run.Packages {
			if ran[p.Path] = !p.Cached && (p.End == result.Passed || p.End == result.Failed) && !p.Rest; ran[p.Path] {
				known := t.at(p.Path)
				known.all = append(known.all, p.Elapsed)
			}
		}
		// A run that can't be read has times of its packages alone.
		_ = run.ReadTests(func(test history.Test) {
			if ran[test.Package] && test.Round == 0 {
				t.at(test.Package).test(test.Name, test.Elapsed)
			}
		})
		if n++; n == maxHistory {
			return
		}
	}
}

func (t Times) addEvents(path string, in io.Reader, of shard.Mark) error {
	execution, err := scan(path, in)
	if err != nil {
		return err
	}
	for _, name := range execution.Packages() {
		p, known := execution.Package(name), t.at(name)
		known.add(of, p.Elapsed())
		for _, tc := range slices.Concat(p.Passed, p.Failed, p.Skipped) {
			known.test(tc.Test.Name(), tc.Elapsed)
		}
	}
	return nil
}

// addJUnit adds the times of a JUnit report whose suites are packages.
func (t Times) addJUnit(path string, in io.Reader, of shard.Mark) error {
	var report struct {
		Suites []struct {
			Name  string  `xml:"name,attr"`
			Time  seconds `xml:"time,attr"`
			Cases []struct {
				Name string  `xml:"name,attr"`
				Time seconds `xml:"time,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.NewDecoder(in).Decode(&report); err != nil {
		return fmt.Errorf("%s: no JUnit report: %w", path, err)
	}
	for _, s := range report.Suites {
		known := t.at(s.Name)
		known.add(of, time.Duration(s.Time))
		for _, c := range s.Cases {
			if isTestName(c.Name) {
				known.test(c.Name, time.Duration(c.Time))
			}
		}
	}
	return nil
}

// isTestName reports whether a testcase is a test of its package, and not the
// package itself.
func isTestName(name string) bool {
	return slices.ContainsFunc([]string{"Test", "Example", "Fuzz", "Benchmark"}, func(kind string) bool {
		return strings.HasPrefix(name, kind) && name != "TestMain"
	})
}

// seconds is a time as JUnit writes it.
type seconds time.Duration

func (s *seconds) UnmarshalText(text []byte) error {
	f, err := json.Number(strings.ReplaceAll(string(text), ",", "")).Float64()
	*s = seconds(f * float64(time.Second))
	return err
}
