package gotest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Settings are the flags of go test that matter to a program that runs go test,
// wherever they were set.
type Settings struct {
	JSON, Verbose, CompileOnly, DryRun, PrintCommands, KeepWork, Rebuild, FailFast bool
	// Cover is set by -coverprofile, -coverpkg and -covermode, too.
	Cover                                                           bool
	Bench, Fuzz, List, Count, CPU, Timeout, CoverProfile, OutputDir string
	// Parallel is the value of -p.
	Parallel string
	// ActionGraph is the file for the go command's own actions.
	ActionGraph string
	// Profile is the file of a profile or trace, of whatever kind.
	Profile        string
	Exec, ToolExec []string
}

// Set records a flag of go test. It returns an error if the flag's value is
// invalid.
func (s *Settings) Set(f Flag) (err error) {
	name := strings.TrimPrefix(f.Name, "test.")
	booleans := map[string]*bool{
		"json": &s.JSON, "v": &s.Verbose, "c": &s.CompileOnly, "n": &s.DryRun, "a": &s.Rebuild,
		"x": &s.PrintCommands, "work": &s.KeepWork, "failfast": &s.FailFast, "cover": &s.Cover,
	}
	texts := map[string]*string{
		"bench": &s.Bench, "fuzz": &s.Fuzz, "list": &s.List, "count": &s.Count, "cpu": &s.CPU, "p": &s.Parallel,
		"timeout": &s.Timeout, "debug-actiongraph": &s.ActionGraph, "outputdir": &s.OutputDir, "coverprofile": &s.CoverProfile,
		"cpuprofile": &s.Profile, "memprofile": &s.Profile, "blockprofile": &s.Profile,
		"mutexprofile": &s.Profile, "trace": &s.Profile,
	}
	lists := map[string]*[]string{"exec": &s.Exec, "toolexec": &s.ToolExec}
	switch {
	case booleans[name] != nil:
		*booleans[name] = f.isOn()
	case texts[name] != nil:
		*texts[name] = f.Value
	case lists[name] != nil:
		if *lists[name], err = SplitQuoted(f.Value); err != nil {
			return fmt.Errorf("-%s: %w", f.Name, err)
		}
	}
	switch name {
	case "coverprofile":
		s.Cover, s.Profile = true, f.Value
	case "coverpkg", "covermode":
		s.Cover = true
	}
	return nil
}

// isOn returns the value of a boolean flag. -v also accepts test2json, which is
// true. Other values that are no booleans are left for go test to report.
func (f Flag) isOn() bool {
	on, err := strconv.ParseBool(f.Value)
	return !f.HasValue || err != nil || on
}

// Settings returns what the line and GOFLAGS set. Flags with invalid values,
// which go test reports, are left out.
func (l Line) Settings() Settings {
	s := FromGOFLAGS()
	for _, p := range l.parts {
		if p.Kind == OwnFlag {
			s.Set(p.Flag)
		}
	}
	return s
}

// Runs is how often -count and -cpu make each test run.
func (s Settings) Runs() int {
	n, err := strconv.Atoi(s.Count)
	if err != nil {
		n = 1
	}
	return n * len(strings.Split(s.CPU, ","))
}

// EventWords returns the line's words for go test -json, with values of the
// caller's own for -exec and -toolexec: without a leading -C, and with -json in
// the place of each of these flags, of -json=false and of -v.
//
// A flag ends the package list, so one has to stay in its place: go test ./a -v
// ./b hands ./b to the test binary.
func (l Line) EventWords() []string {
	var words []string
	for i, p := range l.parts {
		if p.Kind == OwnFlag && (p.isReplaced() || i == 0 && p.Name == "C" && p.HasValue) {
			words = append(words, "-json")
		} else {
			words = append(words, p.Words...)
		}
	}
	return words
}

// isReplaced reports whether EventWords replaces or drops the flag.
func (f Flag) isReplaced() bool {
	switch strings.TrimPrefix(f.Name, "test.") {
	case "exec", "toolexec":
		return true
	case "json":
		return !f.isOn()
	case "v":
		// The test binary must get test2json, which go test -json passes to it.
		// With any other value, off included, what tests print could be
		// mistaken for lines of package testing.
		return f.IsVerbosity()
	}
	return false
}

// IsVerbosity reports whether -v accepts the flag's value. Go test and test
// binaries reject any other.
func (f Flag) IsVerbosity() bool {
	_, err := strconv.ParseBool(f.Value)
	return !f.HasValue || f.Value == "test2json" || err == nil
}

// FromGOFLAGS returns the flags that GOFLAGS sets. It returns none if a word
// can't be parsed, which the go command reports.
func FromGOFLAGS() Settings {
	var s Settings
	list, err := SplitQuoted(Env("GOFLAGS"))
	if err != nil {
		return Settings{}
	}
	for _, word := range list {
		f := CutFlag(word)
		if _, known := KnowsFlag(f.Name); !known {
			continue // a flag of another go command
		}
		if err := s.Set(f); err != nil {
			return Settings{}
		}
	}
	return s
}

// Env returns a setting of the go command as go env would: from the
// environment, else from the file that go env -w writes. Asking the go command
// would take longer than many a cached run.
func Env(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	path := os.Getenv("GOENV")
	if path == "off" {
		return ""
	}
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(dir, "go", "env")
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	value := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if v, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), name+"="); ok {
			value = v
		}
	}
	return value
}
