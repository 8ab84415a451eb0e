package supervisor

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/words"
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
