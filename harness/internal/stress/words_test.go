//go:build unix

package stress

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/words"
)

func TestWords(t *testing.T) {
	want := Options{
		Options: testproc.Options{Via: []string{"qemu"}, TestTimeout: time.Hour, FailOnLeaks: true},
		Package: "example.com/m", Limits: Limits{Runs: 7, Time: time.Second, Timeout: time.Minute},
	}
	var got Options
	command, err := words.Parse(Role, words.Of(want, "a.test", "--Runs=3"), &got)
	if err != nil || !reflect.DeepEqual(got, want) || !slices.Equal(command, []string{"a.test", "--Runs=3"}) {
		t.Errorf("%+v, %q, %v, want %+v", got, command, err, want)
	}
}

func TestReadable(t *testing.T) {
	args := []string{"-test.v=test2json", "-test.shuffle=on", "-test.paniconexit0", "-test.run=A", "-own", "x"}
	want := []string{"-test.v=true", "-test.shuffle=17", "-test.run=A", "-own", "x"}
	if got := readable(args, "17"); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
