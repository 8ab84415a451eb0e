package override

import (
	"fmt"
	"strings"
	"testing"
)

// TestCompany asks what limits a process, by what it runs.
func TestCompany(t *testing.T) {
	rules := Rules{
		rule(Settings{Group: value("db", "a"), Weight: value(2, "a")}, "", "m/db"),
		rule(Settings{Group: value("net", "b")}, "TestNet|TestSub/deep", "m/..."),
		rule(Settings{Weight: value(4, "c")}, "TestHeavy"),
		rule(Settings{Group: value("", "d")}, "TestFree", "m/db"),
		rule(Settings{Group: value("late", "e")}, "TestNet", "m/late"),
	}
	for _, tt := range []struct {
		path  string
		whole bool
		tests string
		want  string
	}{
		{"m/a", true, "", "[] 0"},
		{"m/a", true, "TestX TestNet", "[net] 0"},
		{"m/a", false, "TestX", "[] 0"},
		{"m/a", false, "TestSub", "[net] 0"},
		{"n/a", false, "TestSub", "[] 0"},
		{"m/late", false, "TestNet", "[late] 0"},
		{"m/a", true, "TestHeavy", "[] 4"},
		{"m/db", true, "", "[db] 2"},
		{"m/db", true, "TestNet", "[db net] 2"},
		{"m/db", false, "TestNet", "[net] 2"},
		{"m/db", false, "TestFree", "[] 2"},
		{"m/db", true, "TestSub TestHeavy", "[db net] 4"},
	} {
		c := rules.Company(tt.path, tt.whole, strings.Fields(tt.tests))
		if got := fmt.Sprint(c.Groups, " ", c.Weight); got != tt.want {
			t.Errorf("%s, whole %v, %q: %s, want %s", tt.path, tt.whole, tt.tests, got, tt.want)
		}
	}
	none := rule(Settings{Retries: value(1, "a")}, "")
	for i, tt := range []struct {
		rules       Rules
		any, weight bool
	}{
		{Rules{none}, false, false},
		{Rules{rules[1], none}, true, false},
		{Rules{rules[2], none}, true, true},
		{Rules{none, rules[0]}, true, true},
	} {
		if limited, weight := tt.rules.Limit(); limited != tt.any || weight != tt.weight {
			t.Errorf("%d: %v, %v", i, limited, weight)
		}
	}
}
