package actiongraph

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	const start = `[
	{"ID": 0, "Mode": "test run", "Package": "m/a", "Deps": [1, 2], "IgnoreFail": true, "Objdir": "/w/b001/",
		"TimeReady": "2026-01-02T03:04:05.000000006Z", "TimeStart": "2026-01-02T03:04:06Z", "TimeDone": "0001-01-01T00:00:00Z", "Cmd": null},
	{"ID": 1, "Mode": "link", "Package": "m/a.test", "TimeReady": "0001-01-01T00:00:00Z", "Cmd": ["link -o x"], "CmdReal": 7},
	{"ID": 2, "Mode": "build", "Package": "m/a", "Cmd": []}`
	got, err := Read(strings.NewReader(start + "\n]"))
	want := []Action{
		{
			ID: 0, Mode: "test run", Package: "m/a", Deps: []int{1, 2}, Objdir: "/w/b001/",
			TimeReady: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), TimeStart: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC),
		},
		{ID: 1, Mode: "link", Package: "m/a.test", Ran: true},
		{ID: 2, Mode: "build", Package: "m/a"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	// Go was killed while it wrote.
	for n := range len(start) {
		if all, err := Read(strings.NewReader(start[:n])); err == nil {
			t.Fatalf("%q is a graph: %v", start[:n], all)
		}
	}
	for _, text := range []string{"{}", "null", `[{"ID": 1}]`, `[{"ID": 0, "Cmd": 1, "Deps": 3}]`, "["} {
		if all, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q is a graph: %v", text, all)
		}
	}
}
