package supervisor

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	all := Options{
		Via:         []string{"sudo", "--terminal"},
		FailOnLeaks: true,
		Terminal:    true,
		PerTest:     []string{"...", "a/b"},
		TestTimeout: time.Second,
		Program:     "a/b/c",
	}
	for _, opts := range []Options{{}, {Terminal: true}, all} {
		got, command, err := parseWords(append(opts.Words(), "x.test", "--terminal"))
		if err != nil || !reflect.DeepEqual(got, opts) || !slices.Equal(command, []string{"x.test", "--terminal"}) {
			t.Errorf("%+v became %+v, %q, %v", opts, got, command, err)
		}
	}
}
