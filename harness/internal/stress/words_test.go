//go:build unix

package stress

import (
	"reflect"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	want := Options{
		Package: "example.com/m", Limits: Limits{Runs: 7, Time: time.Second, Timeout: time.Minute}, TestTimeout: time.Hour,
		FailOnLeaks: true, Command: []string{"qemu", "a.test"}, Args: []string{"-test.run=--x", "--runs=3"},
	}
	if got, err := parseWords(want.Words()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, words := range [][]string{{"--limits=1,2"}, {"--limits=x,0s,0s"}, {"--command=1"}, {"--command=0", "a.test"}, {"--none"}} {
		if _, err := parseWords(words); err == nil {
			t.Errorf("%q: no error", words)
		}
	}
}

func TestReadable(t *testing.T) {
	args := []string{"-test.v=test2json", "-test.shuffle=on", "-test.paniconexit0", "-test.run=A", "-own", "x"}
	want := []string{"-test.v=true", "-test.shuffle=17", "-test.run=A", "-own", "x"}
	if got := readable(args, "17"); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
