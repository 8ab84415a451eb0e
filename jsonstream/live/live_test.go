package live

import (
	"testing"
	"time"

	"pgtest/jsonstream/result"
)

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"short", 10, "short"},
		{"shorter", 5, "short"},
		{"", 5, ""},
		{"日本語", 5, "日本"},
		{"a日b", 3, "a日"},
		{"\x1b[2J\a\xff\u202e", 20, "?[2J???"},
	} {
		if got := clip(c.text, c.columns); got != c.want {
			t.Errorf("clip(%q, %d) = %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(-d) }
	running := []result.Running{
		{Package: "example.com/m/a", Started: at(4 * time.Second), Parent: true},
		{Package: "example.com/m/a", Test: "TestX", Started: at(3 * time.Second), Parent: true},
		{Package: "example.com/m/a", Test: "TestX/sub", Started: at(2500 * time.Millisecond)},
		{Package: "example.com/m/a", Test: "TestLater", Started: at(2 * time.Second), Paused: true},
		{Package: "example.com/m/b", Started: at(-time.Second)},
	}
	for _, c := range []struct {
		progress result.Progress
		running  []result.Running
		want     string
	}{
		{result.Progress{}, nil, "5s, 0 packages done"},
		{result.Progress{Ended: 1}, running, "5s, 1 package done, 2 running: example.com/m/a TestX/sub 2.5s, example.com/m/b 0.0s"},
		{result.Progress{Ended: 3, Failed: 2}, nil, "5s, 3 packages done, 2 failed"},
	} {
		if got := Text(c.progress, c.running, 5900*time.Millisecond, now); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
