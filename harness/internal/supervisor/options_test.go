package supervisor

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/words"
	"pgtest/harness/override"
)

func TestWords(t *testing.T) {
	all := Options{
		Options:   testproc.Options{Via: []string{"sudo", "--Terminal"}, FailOnLeaks: true, TestTimeout: time.Second},
		Terminal:  true,
		PerTest:   []string{"...", "a/b"},
		Stress:    true,
		Limits:    stress.Limits{Runs: 7, Time: time.Second, Timeout: time.Minute},
		Asks:      true,
		GoTimeout: time.Hour,
		Program:   "a/b/c",
	}
	for _, opts := range []Options{{}, {Terminal: true}, all} {
		var got Options
		command, err := words.Parse(Role, append(words.Of(opts), "x.test", "--Terminal"), &got)
		if err != nil || !reflect.DeepEqual(got, opts) || !slices.Equal(command, []string{"x.test", "--Terminal"}) {
			t.Errorf("%+v became %+v, %q, %v", opts, got, command, err)
		}
	}
}

// TestOverridden has what overrides make of the options.
func TestOverridden(t *testing.T) {
	long := new(override.Rule)
	long.InPackages("m/...")
	long.ForTests("TestLong")
	long.Timeout = override.Value[time.Duration]{Is: time.Hour, Where: "a"}
	leaks := new(override.Rule)
	leaks.InPackages("n")
	leaks.Leaks = override.Value[override.LeakPolicy]{Is: override.WarnLeaks, Where: "a"}
	given := Options{GoTimeout: time.Minute}
	given.FailOnLeaks = true
	for _, tt := range []struct {
		pkg           string
		each, timeout time.Duration
		leaks         bool
	}{
		{"m/a", time.Minute, 0, true}, {"n", 0, time.Minute, false}, {"o", 0, time.Minute, true},
	} {
		o := given.overridden(override.Rules{long, leaks}, tt.pkg)
		if o.EachTimeout != tt.each || o.GoTimeout != tt.timeout || o.FailOnLeaks != tt.leaks {
			t.Errorf("%s: %+v", tt.pkg, o)
		}
	}
	given.GoTimeout = 2 * time.Hour
	if o := given.overridden(override.Rules{long}, "m"); o.EachTimeout != 0 || o.GoTimeout != given.GoTimeout {
		t.Errorf("a limit below -timeout: %+v", o)
	}
}

func TestFuzzes(t *testing.T) {
	for command, want := range map[string]bool{
		"a.test -test.v -test.fuzz=^FuzzA$": true, "a.test -test.fuzz= -test.v": false, "a.test -test.fuzzcachedir=x": false, "a.test": false,
	} {
		if got := fuzzes(strings.Fields(command)); got != want {
			t.Errorf("%s: %t", command, got)
		}
	}
}
