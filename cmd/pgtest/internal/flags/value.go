package flags

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"

	"pgtest/harness"
	"pgtest/harness/linkcache"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/format"
)

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
