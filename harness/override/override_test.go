package override

import (
	"fmt"
	"testing"
	"time"
)

func rule(s Settings, tests string, packages ...string) *Rule {
	r := &Rule{Settings: s}
	r.InPackages(packages...)
	if tests != "" {
		if err := r.ForTests(tests); err != nil {
			panic(err)
		}
	}
	return r
}

func value[T any](v T, where string) Value[T] { return Value[T]{v, where} }

// TestRules asks what holds for packages and tests, where later rules win key by
// key.
func TestRules(t *testing.T) {
	environment := func(words ...string) map[string]Value[string] {
		m := make(map[string]Value[string])
		for _, w := range words {
			m[w[:1]] = value(w[2:], "at "+w)
		}
		return m
	}
	rules := Rules{
		rule(Settings{Timeout: value(time.Second, "a"), Retries: value(1, "a"), Environment: environment("X=1", "Y=1")}, ""),
		rule(Settings{Timeout: value(2*time.Second, "b"), Environment: environment("Y=2")}, "", "m/...", "n"),
		rule(Settings{Timeout: value(3*time.Second, "c")}, "TestA|TestB/x", "m/db"),
		rule(Settings{Retries: value(0, "d"), Group: value("g", "d")}, "^TestA$/^s$", "m/..."),
		rule(Settings{Timeout: value(time.Duration(0), "e")}, "TestA/s/t"),
	}
	for _, tt := range []struct{ pkg, test, want string }{
		{"x", "", "1s a, 1 a, , X=1 Y=1"},
		{"m", "", "2s b, 1 a, , X=1 Y=2"},
		{"m/a/b", "", "2s b, 1 a, , X=1 Y=2"},
		{"mm", "", "1s a, 1 a, , X=1 Y=1"},
		{"n/a", "", "1s a, 1 a, , X=1 Y=1"},
		{"m/db", "", "2s b, 1 a, , X=1 Y=2"},
		{"m/db", "TestC", "2s b, 1 a, , X=1 Y=2"},
		{"m/db", "TestAll", "3s c, 1 a, , X=1 Y=2"},
		{"m/db", "TestA/s", "3s c, 0 d, g d, X=1 Y=2"},
		{"m/db", "TestA/s/u", "3s c, 0 d, g d, X=1 Y=2"},
		{"m/db", "TestA/s/t", "0s e, 0 d, g d, X=1 Y=2"},
		{"m/db", "TestB", "2s b, 1 a, , X=1 Y=2"},
		{"m/db", "TestB/xy", "3s c, 1 a, , X=1 Y=2"},
		{"x", "TestA/s/t/u", "0s e, 1 a, , X=1 Y=1"},
	} {
		s := rules.Package(tt.pkg)
		if tt.test != "" {
			s = rules.Test(tt.pkg, tt.test)
		}
		group := ""
		if s.Group.Set() {
			group = s.Group.Is + " " + s.Group.Where
		}
		got := fmt.Sprint(s.Timeout.Is, " ", s.Timeout.Where, ", ", s.Retries.Is, " ", s.Retries.Where, ", ", group, ", X=", s.Environment["X"].Is, " Y=", s.Environment["Y"].Is)
		if got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.pkg, tt.test, got, tt.want)
		}
	}
	if rules[:2].OfTests("m/db") || !rules[:3].OfTests("m/db") || rules[:3].OfTests("m") {
		t.Error("OfTests is not about the rules for tests")
	}
	if new(Rule).ForTests("a(") == nil || new(Rule).ForTests("Test/[z-a]") == nil {
		t.Error("bad patterns are taken")
	}
}

// TestOutlasts asks whether a test may run for longer than a minute.
func TestOutlasts(t *testing.T) {
	timeout := func(d time.Duration, packages ...string) Rules {
		return Rules{rule(Settings{}, ""), rule(Settings{Timeout: value(d, "a")}, "", packages...)}
	}
	for i, tt := range []struct {
		rules Rules
		path  string
		limit time.Duration
		want  bool
	}{
		{timeout(time.Hour), "m", time.Minute, true},
		{timeout(0), "m", time.Minute, true},
		{timeout(time.Minute), "m", time.Minute, false},
		{timeout(time.Hour), "m", 0, false},
		{timeout(time.Hour, "n"), "m", time.Minute, false},
		{timeout(time.Hour, "n"), "", time.Minute, true},
		{timeout(time.Hour)[:1], "", time.Minute, false},
	} {
		if got := tt.rules.Outlasts(tt.path, tt.limit); got != tt.want {
			t.Errorf("%d: %v", i, got)
		}
	}
}

// TestForFuzzing keeps of rules what does not end a target.
func TestForFuzzing(t *testing.T) {
	r := rule(Settings{Timeout: value(time.Hour, "a"), SlowAfter: value(time.Hour, "a"), Retries: value(1, "a"), Procs: value(2, "a")}, "", "m")
	s := Rules{r}.ForFuzzing().Package("m")
	if s.Timeout.Set() || s.SlowAfter.Set() || s.Retries.Set() || s.Procs.Is != 2 || !r.Timeout.Set() {
		t.Errorf("%+v", s)
	}
}

// TestLater has settings that a later rule leaves as they are, or replaces.
func TestLater(t *testing.T) {
	q, err := ParseQuarantine("2027-01-31 x")
	if err != nil {
		t.Fatal(err)
	}
	rules := Rules{rule(Settings{RetryDelay: value(time.Second, "a"), Quarantine: value(q, "a")}, ""), rule(Settings{RetryDelay: value(time.Minute, "b")}, "TestA")}
	if s := rules.Test("m", "TestB"); s.RetryDelay.Is != time.Second || s.Quarantine.Is != q || s.Timeout.Or(time.Hour) != time.Hour {
		t.Errorf("%+v", s)
	}
	if s := rules.Test("m", "TestA"); s.RetryDelay.Is != time.Minute || s.Quarantine.Where != "a" || s.RetryDelay.Or(0) != time.Minute {
		t.Errorf("%+v", s)
	}
	if Isolation(true).String() != "test" || Isolation(false).String() != "package" {
		t.Error("isolations have other names")
	}
}

func TestQuarantine(t *testing.T) {
	for _, text := range []string{"", "2027-01-31", "2027-01-31 ", "2027-02-30 x", "27-1-31 x", "https://x", "2027-01-31x"} {
		if q, err := ParseQuarantine(text); err == nil {
			t.Errorf("%q is taken as %v", text, q)
		}
	}
	q, err := ParseQuarantine("2027-01-31  https://x y ")
	if err != nil || q.String() != "2027-01-31 https://x y" || q.Until() != "2027-01-31" {
		t.Errorf("%q, %v", q, err)
	}
	here := time.FixedZone("here", -8*60*60)
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{
		{time.Date(2027, 1, 31, 23, 59, 59, 0, here), false},
		{time.Date(2027, 2, 1, 0, 0, 0, 0, here), true},
		{time.Date(2026, 12, 31, 0, 0, 0, 0, here), false},
		{time.Date(2027, 2, 1, 3, 0, 0, 0, time.UTC).In(here), false},
	} {
		if q.Expired(tt.now) != tt.want {
			t.Errorf("expired at %v: %t", tt.now, !tt.want)
		}
	}
}
