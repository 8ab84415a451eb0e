package supervisor

import (
	"strings"
	"syscall"
	"testing"
)

func TestRelay(t *testing.T) {
	for _, tt := range []struct{ name, events, want string }{
		{"the run alone", "order over", "hold pass"},
		{"the supervisor alone", "receive over", "hold pass"},
		{"the tree, the supervisor first", "receive order over", "hold drop drop"},
		{"the tree, the run first", "order receive over", "hold drop drop"},
		{"the supervisor alone, twice", "receive over receive over", "hold pass hold pass"},
		{"the supervisor alone, then the run alone", "receive over order over", "hold pass hold pass"},
		{"the run alone, twice", "order over order over", "hold pass hold pass"},
		{"the run twice in no time", "order order over over", "hold drop pass drop"},
		{"the tree, slowly", "order over receive", "hold pass drop"},
		// The run orders SIGTERM when go has died, and when the run gets it.
		{"the tree, go first", "order receive order over", "hold drop drop drop"},
		{"the tree, the supervisor first, then go", "receive order order over", "hold drop drop drop"},
		{"no run", "disconnect receive receive", "- pass pass"},
		{"the run dies meanwhile", "receive disconnect over", "hold - pass"},
	} {
		r := newRelay(true)
		var got []string
		for event := range strings.FieldsSeq(tt.events) {
			answers := map[answer]string{drop: "drop", pass: "pass", hold: "hold"}
			switch event {
			case "receive":
				got = append(got, answers[r.receive(syscall.SIGINT)])
			case "order":
				got = append(got, answers[r.order(syscall.SIGINT)])
			case "over":
				got = append(got, answers[r.over(syscall.SIGINT)])
			case "disconnect":
				r.disconnect()
				got = append(got, "-")
			}
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: %s: %s, want %s", tt.name, tt.events, got, tt.want)
		}
	}
	r := newRelay(true)
	r.receive(syscall.SIGINT)
	if r.order(syscall.SIGTERM) != hold || r.over(syscall.SIGINT) != pass {
		t.Error("two signals are taken for one")
	}
	r = newRelay(true)
	r.order(syscall.SIGTERM)
	r.receive(syscall.SIGINT)
	r.order(syscall.SIGINT)
	if r.over(syscall.SIGTERM) != drop {
		t.Error("SIGTERM for the closed output is passed on, though all have had SIGINT")
	}
	r = newRelay(true)
	r.order(syscall.SIGTERM)
	r.over(syscall.SIGTERM)
	if r.order(syscall.SIGINT) != hold || r.over(syscall.SIGINT) != pass {
		t.Error("SIGINT for the run alone is not passed on after SIGTERM")
	}
}
