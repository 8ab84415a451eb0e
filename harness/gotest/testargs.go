package gotest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is go test's -timeout.
const DefaultTimeout = 10 * time.Minute

// KillAfter returns when go test ends a test binary that its own -timeout has not
// ended, and how long that may take then.
func KillAfter(timeout time.Duration) (kill, wait time.Duration) {
	wait = max(timeout/10, 5*time.Second)
	return timeout + max(wait, time.Minute), wait
}

// profileFlags make a test binary write a file, for which go test takes one
// package.
var profileFlags = []string{"blockprofile", "cpuprofile", "memprofile", "mutexprofile", "trace"}

// TestArgs returns what go test -json in a directory hands to a test binary, or an
// error for a value that it refuses.
func (l Line) TestArgs(dir string) ([]string, error) {
	injected := []string{"-test.v=test2json"}
	var explicit []string
	set := make(map[string]string)
	for _, p := range l.parts {
		switch name, value := strings.TrimPrefix(p.Name, "test."), ""; {
		case p.Kind == Package:
		case p.Kind == Rest && p.Word != "--":
			explicit = append(explicit, p.Words[1:]...)
		case p.Kind != OwnFlag:
			explicit = append(explicit, p.Words...)
		case isTestFlag(p.Name):
			var err error
			if value, err = p.testValue(); err != nil {
				return nil, err
			}
			if set[name] = value; name != "v" {
				explicit = append(explicit, "-test."+name+"="+value)
			}
		}
	}
	words, _ := SplitQuoted(Env("GOFLAGS"))
	for _, word := range words {
		f := CutFlag(word)
		name := strings.TrimPrefix(f.Name, "test.")
		if _, explicit := set[name]; explicit || !isTestFlag(f.Name) || name == "v" {
			continue
		}
		value, err := f.testValue()
		if err != nil {
			return nil, err
		}
		set[name] = value
		injected = append(injected, "-test."+name+"="+value)
	}
	if set["timeout"] == "" {
		injected = append(injected, "-test.timeout="+DefaultTimeout.String())
	}
	writes := slices.ContainsFunc(profileFlags, func(name string) bool { return set[name] != "" })
	if (writes || set["artifacts"] == "true") && set["outputdir"] == "" {
		injected = append(injected, "-test.outputdir="+dir)
	}
	return append(injected, explicit...), nil
}

// ProfileFlag returns a flag of the line for which there may be one package, with
// its dash, or "".
func (l Line) ProfileFlag() string {
	for _, name := range profileFlags {
		if l.Value(name) != "" {
			return "-" + name
		}
	}
	return ""
}

// IsBuildFlag reports whether a flag is go test's own, and not passed to the test
// binary.
func IsBuildFlag(name string) bool {
	_, known := buildFlags[name]
	return known
}

func isTestFlag(name string) bool {
	_, known := testFlags[strings.TrimPrefix(name, "test.")]
	return known
}

// testValue returns the value of a flag as go test writes it.
func (f Flag) testValue() (value string, err error) {
	value = f.Value
	switch name := strings.TrimPrefix(f.Name, "test."); {
	case name == "v":
		if !f.IsVerbosity() {
			err = strconv.ErrSyntax
		}
	case testFlags[name]:
		on := true
		if f.HasValue {
			on, err = strconv.ParseBool(value)
		}
		value = strconv.FormatBool(on)
	case !f.HasValue:
		return "", fmt.Errorf("flag needs an argument: -%s", f.Name)
	case name == "timeout":
		var d time.Duration
		d, err = time.ParseDuration(value)
		value = d.String()
	case name == "outputdir":
		value, err = filepath.Abs(value)
	case slices.Contains([]string{"count", "parallel", "blockprofilerate", "memprofilerate", "mutexprofilefraction"}, name):
		_, err = strconv.ParseInt(value, 0, strconv.IntSize)
	}
	if err != nil {
		return "", fmt.Errorf("invalid value %q for flag -%s: parse error", f.Value, f.Name)
	}
	return value, nil
}
