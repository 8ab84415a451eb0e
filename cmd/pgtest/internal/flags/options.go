package flags

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"
	"gotest.tools/gotestsum/testjson"

	"pgtest/harness"
	"pgtest/harness/linkcache"
	"pgtest/harness/rerun"
	"pgtest/harness/shard"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/format"
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

func parseShard(v string) (shard.Place, error) { return shard.Parse(v, os.Getenv) }

// TTYTests is the value of --tty that leaves the terminal to the tests.
const TTYTests = "tests"

// A value is what a flag takes, and where it goes.
type value struct {
	// set is nil where there is no flag.
	set func(string) error
	// boolean flags need no value, and take one behind = only.
	boolean bool
	// values are those to choose from, all if it is closed, or some of them.
	values []string
	closed bool
	// output says that the value names what a run writes.
	output bool
	// private says that what a run starts does not see the variable.
	private bool
	// command flags ask for something other than one run, and have no variable:
	// a pgtest that a test runs would do the same.
	command bool
	// shown says that it is about how things are shown, and nothing else.
	shown bool
	// alias flags say in gotestsum's way what others say, and have no variable.
	alias bool
	// list is what a flag adds to that may be given several times.
	list *list
	// shared says that gotestsum has the flag, and variable is its variable there,
	// or "".
	shared   bool
	variable string
}

// list joins what flags are given into one value.
type list struct {
	separator string
	values    []string
}

func (l *list) add(v string) string {
	if v != "" {
		l.values = append(l.values, v)
	}
	return strings.Join(l.values, l.separator)
}

// ofGotestsum says that gotestsum has the flag.
func (v value) ofGotestsum(variable string) value {
	v.shared, v.variable = true, variable
	return v
}

func (v value) inList(l *list) value {
	v.list = l
	return v
}

func (v value) asPrivate() value {
	v.private = true
	return v
}

func (v value) asAlias() value {
	v.alias = true
	return v
}

// parsed takes what parse makes something of.
func parsed[T any](to *T, parse func(string) (T, error), values ...string) value {
	return value{values: values, set: func(v string) error {
		parsed, err := parse(v)
		if err == nil {
			*to = parsed
		}
		return err
	}}
}

func boolean(to *bool) value {
	return optional(parsed(to, parseBool, "true", "false"))
}

func parseBool(v string) (bool, error) {
	on, err := strconv.ParseBool(v)
	if err != nil {
		err = fmt.Errorf("bad value %q", v)
	}
	return on, err
}

// switched is boolean, and sets another flag's value: to on, or to off unless
// that is "".
func switched(to *string, on, off string) value {
	return optional(parsed(to, func(v string) (string, error) {
		is, err := parseBool(v)
		if is {
			return on, err
		}
		return cmp.Or(off, *to), err
	}, "true", "false"))
}

// optional lets a flag stand without a value, which is "true" then.
func optional(v value) value {
	v.boolean = true
	return v
}

// limit takes a size, of which 0 is no limit.
func limit(v string) (int64, error) {
	size, err := linkcache.ParseSize(v)
	if size == 0 {
		size = -1
	}
	return size, err
}

func fields(v string) ([]string, error) { return strings.Fields(v), nil }

// shellWords splits as a shell does, and as gotestsum does.
func shellWords(v string) ([]string, error) {
	words, err := shlex.Split(v)
	if err != nil {
		err = fmt.Errorf("bad value %q: %w", v, err)
	}
	return words, err
}

// testNames reads names of tests, one a line. The empty name stands for none.
func testNames(v string) ([]string, error) {
	return slices.DeleteFunc(strings.Split(v, "\n"), func(name string) bool { return name == "" }), nil
}

func summary(o *Options) value {
	return parsed(&o.Summary, format.HideSummary, "skipped", "failed", "errors", "output", "all")
}

func parseCI(v string) (ci.System, error) { return ci.Parse(v, os.Getenv) }

func command(to *bool) value { return boolean(to).asCommand() }

func (v value) asCommand() value {
	v.command = true
	return v
}

func output(to *string) value {
	v := parsed(to, valid(nil))
	v.output, v.private = true, true
	return v
}

// named takes one of the names, each for what stands at its place in means.
func named[T any](to *T, names []string, means ...T) value {
	v := parsed(to, func(v string) (meant T, err error) {
		i := slices.Index(names, v)
		if i < 0 {
			return meant, fmt.Errorf("unknown value %q: must be one of %s", v, strings.Join(names, ", "))
		}
		return means[i], nil
	}, names...)
	v.closed = true
	return v
}

// oneOf takes one of the values.
func oneOf(to *string, values ...string) value { return named(to, values, values...) }

// valid lets pass what check does; nil lets everything pass.
func valid(check func(string) error) func(string) (string, error) {
	return func(v string) (string, error) {
		if check == nil {
			return v, nil
		}
		return v, check(v)
	}
}

func positive(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("bad value %q: must be a positive number", v)
	}
	return n, nil
}

func notNegative(v string) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("bad value %q: must be 0 or a positive number", v)
	}
	return n, nil
}

// parseMaxFails reads n or n:now; 0 is no limit.
func parseMaxFails(v string) (harness.MaxFails, error) {
	number, now := strings.CutSuffix(v, ":now")
	n, err := notNegative(number)
	if err != nil {
		err = fmt.Errorf("bad value %q: must be a number, or a number and :now", v)
	}
	return harness.MaxFails{Count: n, Now: now}, err
}

// attempts reads how often failed tests run again; "true" stands for no value.
func attempts(v string) (int, error) {
	if v == "true" {
		return 2, nil
	}
	return notNegative(v)
}

// maxDuration leaves room to add to it.
const maxDuration = 1_000_000 * time.Hour

// durationFrom reads a time that is not shorter than least: 0 or more, or more
// than 0.
func durationFrom(least time.Duration) func(string) (time.Duration, error) {
	return func(v string) (time.Duration, error) {
		d, err := time.ParseDuration(v)
		switch {
		case err != nil:
			err = fmt.Errorf("bad value %q: must be a duration such as 10s or 1m30s", v)
		case d < 0:
			err = fmt.Errorf("bad value %q: must not be negative", v)
		case d < least && least >= time.Second:
			err = fmt.Errorf("bad value %q: must be %v or more", v, least)
		case d < least:
			err = fmt.Errorf("bad value %q: must be more than 0", v)
		case d > maxDuration:
			err = fmt.Errorf("bad value %q: must be 1000000h or less", v)
		}
		return d, err
	}
}

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
