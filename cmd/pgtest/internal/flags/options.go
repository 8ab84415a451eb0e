package flags

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gotest.tools/gotestsum/testjson"

	"pgtest/harness"
	"pgtest/harness/rerun"
	"pgtest/harness/shard"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/junit"
)

// Options are the values of our flags.
type Options struct {
	Format, Icons    string
	HideEmpty        bool
	Summary          testjson.Summary // what is left to show
	Color, Progress  string
	Live             int // running tests with a line of their own
	Keys             string
	JSONFile         string
	TimingFile       string
	Timeline         string
	Slowest          int
	JUnit            JUnitOptions
	Report           string
	CI               ci.System
	SummaryFile      string
	Coverage         CoverageOptions
	Leaks            harness.LeakPolicy
	Isolation        harness.Isolation
	PackageProcs     int // 0 for as many as go test runs
	Serial           bool
	Stress           *harness.Stress
	TestTimeout      time.Duration
	SlowAfter, Grace time.Duration
	LinkCache        bool
	LinkCacheSize    int64
	Resources        bool
	History          string
	Failed           Failed
	Changed          *Changed // nil for everything
	Why              bool
	FuzzAll          time.Duration // 0 for none
	TTY              string
	RawCommand       bool
	Rerun            RerunOptions
	ForeignToStderr  bool // lines that are no events
	Packages         []string
	PostRun          []string
	Debug            bool
	MaxFails         harness.MaxFails
	Shard            shard.Place // zero without one
	ShardPlan        string
	Archive          string
	Help, Version    bool
	Watch            bool
	WatchChdir       bool
	WatchClear       bool
	DebugTests       []string // nil for none
	Tracer           []string
	Order            string
	Config, Profile  string // "" for none
}

// Changed says since when changes count.
type Changed struct {
	Ref string // "" for the remote's default branch
}

// parseChanged reads a reference; "true" stands for no value.
func parseChanged(v string) (*Changed, error) {
	switch v {
	case "true":
		return &Changed{}, nil
	case "false":
		return nil, nil
	case "":
		return nil, errors.New("a git reference is missing")
	}
	return &Changed{Ref: v}, nil
}

// defaultFuzzTime is how long all targets together are fuzzed.
const defaultFuzzTime = 10 * time.Minute

// parseFuzzTime reads a duration; "true" stands for no value.
func parseFuzzTime(v string) (time.Duration, error) {
	switch v {
	case "true":
		return defaultFuzzTime, nil
	case "false":
		return 0, nil
	}
	return durationFrom(time.Second)(v)
}

// Failed says whether what has not passed runs, instead of everything or before it.
type Failed int

const (
	NotFailed Failed = iota
	OnlyFailed
	FailedFirst
)

// RerunOptions are those of --rerun-fails.
type RerunOptions struct {
	rerun.Options
	Alone, FailFlaky bool
	Report           string
}

// JUnitOptions are those of --junitfile.
type JUnitOptions struct {
	Path, Project          string
	SuiteName, ClassName   func(pkg string) string
	Schema                 junit.Schema
	Output                 junit.Output
	MaxOutput              int64 // 0 if it is not set, negative for no limit
	HideEmpty, HideSkipped bool
}

// CoverageOptions are those about coverage.
type CoverageOptions struct {
	Min, DiffMin    Percentage
	Diff            string // the git reference
	Cobertura, LCOV string // paths
}

// Asked returns the name of a flag that asks for coverage, "" if there is none.
func (o CoverageOptions) Asked() string {
	for _, flag := range []struct{ name, value string }{
		{"min", o.Min.Text}, {"cobertura", o.Cobertura}, {"lcov", o.LCOV}, {"diff", o.Diff},
	} {
		if flag.value != "" {
			return "--coverage-" + flag.name
		}
	}
	return ""
}

// A Percentage is what was written, with its value. The zero Percentage was not
// written.
type Percentage struct {
	Text  string
	Value float64
}

// percentage reads 80% or 80.
func percentage(v string) (Percentage, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(v, "%"), 64)
	if err != nil || !(n >= 0 && n <= 100) {
		return Percentage{}, fmt.Errorf("bad value %q: must be between 0%% and 100%%", v)
	}
	return Percentage{v, n}, nil
}

// FindShard finds which shard is asked for. It is not done before it is known that
// there is something to divide.
func (c *CommandLine) FindShard() (err error) {
	if c.Shard, err = c.Shard.Find(os.Getenv); err != nil {
		return fmt.Errorf("%s: %w", c.from["shard"].where, err)
	}
	return nil
}

// TTYTests is the value of --tty that leaves the terminal to the tests.
const TTYTests = "tests"

// A set is the flags with the options that they set.
type set struct {
	rows []Row // flags only
}

// newSet returns our flags, and sets their defaults.
func newSet(o *Options) set {
	o.Summary = testjson.SummarizeAll
	var s set
	for _, g := range table(o) {
		for _, r := range g.Rows {
			if r.set == nil {
				continue
			}
			if r.Default != "" {
				r.set(r.Default)
			}
			r.shown = g.Title == "Output"
			s.rows = append(s.rows, r)
		}
	}
	return s
}

// lookup returns the flag of a name, nil if there is none.
func (s set) lookup(name string) *Row {
	for i := range s.rows {
		if s.rows[i].Name == name {
			return &s.rows[i]
		}
	}
	return nil
}

// environmentPrefix starts the names of the variables that set our flags.
const environmentPrefix = "PGTEST_"

// Variable returns the name of the variable that sets a flag: --format-icons has
// PGTEST_FORMAT_ICONS. It is "" if there is none.
func (r Row) Variable() string {
	if r.set == nil || r.command || r.alias {
		return ""
	}
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(r.Name, "-", "_"))
}

// fromEnvironment sets each flag whose variable is set: ours, or else
// gotestsum's. An empty variable is as good as none, and so are those of the flags
// that are to stay unread.
func (s set) fromEnvironment(from origins, unread []string) error {
	for _, r := range s.rows {
		if slices.Contains(unread, r.Name) {
			continue
		}
		name := r.Variable()
		value := os.Getenv(name)
		if value == "" && r.variable != "" {
			name, value = r.variable, os.Getenv(r.variable)
			if value != "" && r.boolean {
				value = strconv.FormatBool(slices.Contains([]string{"true", "yes", "1"}, strings.ToLower(value)))
			}
		}
		if value == "" {
			continue
		}
		if err := r.set(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		from[r.Name] = origin{name, value, theEnvironment}
	}
	return nil
}

// WithoutOutputs returns the environment for what a run starts: without the
// variables that name its outputs and the command that follows it. A pgtest that
// a test runs would write to the same files.
func WithoutOutputs(env []string) []string {
	for _, r := range newSet(new(Options)).rows {
		if r.private {
			env = slices.DeleteFunc(env, func(v string) bool {
				name, _, _ := strings.Cut(v, "=")
				return name == r.Variable() || name == r.variable
			})
		}
	}
	return env
}

// WithoutCI returns the environment for tests: a pgtest that one of them runs
// writes nothing for the CI system that this one runs in.
func WithoutCI(env []string) []string {
	const variable = environmentPrefix + "CI"
	if system, _ := parseCI("auto"); system == "" && os.Getenv(variable) == "" {
		return env
	}
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, variable+"=") })
	return append(env, variable+"=off")
}
