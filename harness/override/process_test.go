package override

import (
	"fmt"
	"testing"
	"time"
)

// TestEncode sends rules to processes, which get from them what holds there.
func TestEncode(t *testing.T) {
	rules := Rules{
		rule(Settings{Timeout: value(time.Second, "a"), Environment: map[string]Value[string]{"X": value("1\n", "a")}}, "", "m/..."),
		rule(Settings{Group: value("g", "b"), Retries: value(3, "b"), Weight: value(2, "b")}, ""),
		rule(Settings{SlowAfter: value(time.Duration(0), "c"), Procs: value(2, "c"), Leaks: value(FailLeaks, "c"), Isolate: value(Isolation(false), "c")}, "TestA/b|C", "m", "n"),
	}
	text := rules.Encode()
	got, err := Decode(text)
	if err != nil || len(got) != 2 || got.Encode() != text {
		t.Fatalf("%q becomes %d rules, %v", text, len(got), err)
	}
	s := got.Test("m", "TestA/b")
	if s.Timeout != rules[0].Timeout || s.SlowAfter != rules[2].SlowAfter || s.Procs != rules[2].Procs || s.Leaks != rules[2].Leaks ||
		s.Isolate != rules[2].Isolate || s.Environment["X"].Is != "1\n" || got.Package("n").Procs.Set() || got.Package("o").Timeout.Set() {
		t.Errorf("%+v", s)
	}
	if text := rules[1:2].Encode(); text != "" || rules[1:2].Key() != "" {
		t.Errorf("nothing for processes is %q", text)
	}
	if none, err := Decode(""); err != nil || none != nil {
		t.Errorf("nothing is %v, %v", none, err)
	}
	for _, bad := range []string{"[{", `[{"OfTests":true,"Tests":"("}]`} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

// TestStandIns has variables that stand for others in the go command's environment.
func TestStandIns(t *testing.T) {
	variables := func(words ...string) Settings {
		s := Settings{Environment: make(map[string]Value[string])}
		for _, w := range words {
			s.Environment[w[:1]] = value(w[2:], "a")
		}
		return s
	}
	rules := Rules{
		rule(variables("X=1", "Y=1"), ""), rule(Settings{Retries: value(1, "b")}, ""), rule(variables("X=2"), "", "m/..."),
	}
	if got := fmt.Sprint(rules.StandIns()); got != "[_PGTEST_ENV_1_X=1 _PGTEST_ENV_1_Y=1 _PGTEST_ENV_2_X=2]" {
		t.Error(got)
	}
	for _, tt := range [][3]string{{"a", "X", "_PGTEST_ENV_1_X"}, {"m/a", "X", "_PGTEST_ENV_2_X"}, {"m/a", "Y", "_PGTEST_ENV_1_Y"}, {"a", "Z", ""}} {
		if got := rules.StandIn(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%s in %s: %s, want %s", tt[1], tt[0], got, tt[2])
		}
	}
	env := append([]string{"A=b", "X=0", "XY=0"}, rules.StandIns()...)
	if got := fmt.Sprint(rules.Package("m").Environ(env)); got != "[A=b XY=0 X=2 Y=1]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Settings{Procs: value(3, "a")}.Environ([]string{"GOMAXPROCS=1", "A=b"})); got != "[A=b GOMAXPROCS=3]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Settings{}.Environ([]string{"GOMAXPROCS=1"})); got != "[GOMAXPROCS=1]" {
		t.Error(got)
	}
	sent, err := Decode(rules.Encode())
	if err != nil || fmt.Sprint(sent.StandIns()) != fmt.Sprint(rules.StandIns()) {
		t.Error("processes have other names")
	}
}

// TestKey has what changes the key, and what does not.
func TestKey(t *testing.T) {
	environment := func(text, where string) Settings {
		return Settings{Environment: map[string]Value[string]{"X": value(text, where)}}
	}
	base := Rules{rule(environment("1", "a"), "", "m")}
	for name, same := range map[string]Rules{
		"a value":       {rule(environment("2", "a"), "", "m")},
		"another place": {rule(environment("1", "b"), "", "m")},
		"only shown":    {rule(environment("1", "a"), "", "m"), rule(Settings{SlowAfter: value(time.Second, "b")}, "TestA")},
		"of the run":    {rule(environment("1", "a"), "", "m"), rule(Settings{Retries: value(1, "b")}, "TestA")},
		"and a weight":  {rule(Settings{Weight: value(1, "b")}, ""), rule(environment("1", "a"), "", "m")},
		"and a day":     {rule(environment("1", "a"), "", "m"), rule(Settings{Quarantine: value(Quarantine{}, "b")}, "")},
	} {
		if same.Key() != base.Key() {
			t.Errorf("%s changes the key", name)
		}
	}
	for name, other := range map[string]Rules{
		"a package":       {rule(environment("1", "a"), "", "m/...")},
		"a limit":         {rule(environment("1", "a"), "", "m"), rule(Settings{Timeout: value(time.Second, "b")}, "")},
		"tests":           {rule(environment("1", "a"), "TestA", "m")},
		"procs":           {rule(environment("1", "a"), "", "m"), rule(Settings{Procs: value(1, "b")}, "")},
		"what leaks mean": {rule(environment("1", "a"), "", "m"), rule(Settings{Leaks: value(WarnLeaks, "b")}, "")},
		"a process each":  {rule(environment("1", "a"), "", "m"), rule(Settings{Isolate: value(Isolation(true), "b")}, "")},
		"nothing":         nil,
	} {
		if other.Key() == base.Key() {
			t.Errorf("%s does not change the key", name)
		}
	}
}
