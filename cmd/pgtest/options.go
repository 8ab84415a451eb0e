package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gotest.tools/gotestsum/testjson"

	"pgtest/harness"
	"pgtest/harness/linkcache"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/junit"
	"pgtest/signals"
)

// options are the values of our flags.
type options struct {
	format      string
	icons       string
	hideEmpty   bool
	hideSummary testjson.Summary // what is left to show
	color       string
	progress    string
	jsonFile    string
	junit       junitOptions
	leaks       harness.LeakPolicy
	isolation   harness.Isolation
	testTimeout time.Duration
	slowAfter   time.Duration
	linkCache   linkCacheOptions
	resources   bool
	grace       time.Duration
	tty         string
	rawCommand  bool
	help        bool
	version     bool
}

type junitOptions struct {
	path        string
	project     string
	suiteName   string
	className   string
	hideEmpty   bool
	hideSkipped bool
}

type linkCacheOptions struct {
	on   bool
	size int64
}

// environmentPrefix starts the names of the variables that set our flags.
const environmentPrefix = "PGTEST_"

// newFlagSet returns our flags and where their values go.
func newFlagSet() (*flag.FlagSet, *options) {
	o := &options{hideSummary: testjson.SummarizeAll}
	f := flag.NewFlagSet("pgtest", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}

	f.Func("format", "", checked(&o.format, format.Check))
	f.Func("format-icons", "", checked(&o.icons, format.CheckIcons))
	f.BoolVar(&o.hideEmpty, "format-hide-empty-pkg", false, "")
	f.Func("hide-summary", "", func(v string) (err error) {
		o.hideSummary, err = format.HideSummary(v)
		return err
	})
	o.color = "auto"
	f.Func("color", "", oneOf(&o.color, "auto", "always", "never"))
	o.progress = "auto"
	f.Func("progress", "", oneOf(&o.progress, "auto", "off"))
	f.Var((*outputPath)(&o.jsonFile), "jsonfile", "")
	f.Var((*outputPath)(&o.junit.path), "junitfile", "")
	f.StringVar(&o.junit.project, "junitfile-project-name", "", "")
	f.Func("junitfile-testsuite-name", "", checked(&o.junit.suiteName, checkNameFormat))
	f.Func("junitfile-testcase-classname", "", checked(&o.junit.className, checkNameFormat))
	f.BoolVar(&o.junit.hideEmpty, "junitfile-hide-empty-pkg", false, "")
	f.BoolVar(&o.junit.hideSkipped, "junitfile-hide-skipped-tests", false, "")
	f.Func("leaks", "", func(v string) error {
		policy, ok := map[string]harness.LeakPolicy{
			"warn": harness.WarnLeaks, "fail": harness.FailLeaks, "ignore": harness.IgnoreLeaks,
		}[v]
		if !ok {
			return fmt.Errorf("unknown value %q: must be one of warn, fail, ignore", v)
		}
		o.leaks = policy
		return nil
	})
	f.Func("isolate", "", func(v string) (err error) {
		o.isolation.Packages, err = parseIsolate(v)
		return err
	})
	f.Func("test-procs", "", func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return fmt.Errorf("bad value %q: must be a positive number", v)
		}
		o.isolation.Processes = n
		return nil
	})
	o.slowAfter = time.Minute
	f.Func("slow-after", "", duration(&o.slowAfter, 0))
	f.Func("test-timeout", "", duration(&o.testTimeout, 0))
	o.linkCache = linkCacheOptions{on: true, size: linkcache.DefaultMaxSize}
	f.Func("link-cache", "", func(v string) error {
		o.linkCache.on = v == "on"
		return oneOf(new(string), "on", "off")(v)
	})
	f.Func("link-cache-size", "", func(v string) (err error) {
		o.linkCache.size, err = linkcache.ParseSize(v)
		return err
	})
	f.BoolVar(&o.resources, "resources", false, "")
	f.BoolVar(&o.rawCommand, "raw-command", false, "")
	// Lines that are no events are always shown; gotestsum wants to be asked.
	f.Bool("ignore-non-json-output-lines", true, "")
	o.grace = signals.DefaultGrace
	f.Func("grace", "", duration(&o.grace, time.Nanosecond))
	o.tty = "auto"
	f.Func("tty", "", oneOf(&o.tty, "auto", ttyTests, "off"))
	f.BoolVar(&o.help, "help", false, "")
	f.BoolVar(&o.version, "version", false, "")
	return f, o
}

// An outputPath is the value of a flag that names what a run writes.
type outputPath string

func (p *outputPath) String() string { return string(*p) }

func (p *outputPath) Set(v string) error {
	*p = outputPath(v)
	return nil
}

// checked sets a flag to a value that check lets pass.
func checked(to *string, check func(string) error) func(string) error {
	return func(v string) error {
		if err := check(v); err != nil {
			return err
		}
		*to = v
		return nil
	}
}

// maxDuration leaves room to add to it.
const maxDuration = 1_000_000 * time.Hour

// duration sets a flag to a time that is not shorter than least: 0 or more, or
// more than 0.
func duration(to *time.Duration, least time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		switch {
		case err != nil:
			return fmt.Errorf("bad value %q: must be a duration such as 10s or 1m30s", v)
		case d < 0:
			return fmt.Errorf("bad value %q: must not be negative", v)
		case d < least:
			return fmt.Errorf("bad value %q: must be more than 0", v)
		case d > maxDuration:
			return fmt.Errorf("bad value %q: must be 1000000h or less", v)
		}
		*to = d
		return nil
	}
}

// oneOf sets a flag to one of the values.
func oneOf(to *string, values ...string) func(string) error {
	return checked(to, func(v string) error {
		for _, value := range values {
			if v == value {
				return nil
			}
		}
		return fmt.Errorf("unknown value %q: must be one of %s", v, strings.Join(values, ", "))
	})
}

func checkNameFormat(v string) error {
	_, err := junit.NameFormat(v)
	return err
}

// parse reads our flags: the environment first, the command line above it.
func parse(args []string) (*options, words, error) {
	f, o := newFlagSet()
	if err := setFromEnvironment(f); err != nil {
		return nil, words{}, err
	}
	w, err := split(args, fromGOFLAGS(), f)
	if err != nil {
		return nil, w, err
	}
	for _, word := range w.ours {
		word := cutFlag(word)
		if !word.hasValue {
			word.value = "true"
		}
		if err := f.Set(word.name, word.value); err != nil {
			return nil, w, fmt.Errorf("--%s: %w", word.name, reason(word.value, err))
		}
	}
	return o, w, nil
}

// variableOf returns the name of the variable that sets a flag: --format-icons has
// PGTEST_FORMAT_ICONS.
func variableOf(fl *flag.Flag) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(fl.Name, "-", "_"))
}

// withoutOutputs returns the environment for what a run starts: without the
// variables that name its outputs. A pgtest that a test runs would write to the
// same files.
func withoutOutputs(env []string) []string {
	f, _ := newFlagSet()
	f.VisitAll(func(fl *flag.Flag) {
		if _, ok := fl.Value.(*outputPath); ok {
			env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, variableOf(fl)+"=") })
		}
	})
	return env
}

// setFromEnvironment sets each flag that has a variable. An empty variable is as
// good as none.
func setFromEnvironment(f *flag.FlagSet) error {
	var err error
	f.VisitAll(func(fl *flag.Flag) {
		name := variableOf(fl)
		value := os.Getenv(name)
		if value == "" || isCommand(fl.Name) || err != nil {
			return
		}
		if setErr := f.Set(fl.Name, value); setErr != nil {
			err = fmt.Errorf("%s: %w", name, reason(value, setErr))
		}
	})
	return err
}

// isCommand says whether a flag asks for something other than a test run, and
// so has no variable.
func isCommand(name string) bool { return name == "help" || name == "version" }

// reason turns the flag package's wording for a bad value into ours.
func reason(value string, err error) error {
	if err.Error() == "parse error" {
		return fmt.Errorf("bad value %q", value)
	}
	if errors.Unwrap(err) != nil {
		return errors.Unwrap(err)
	}
	return err
}

func isBoolean(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
