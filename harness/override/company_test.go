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
	if limited, weight := rules.Limit(); !limited || !weight {
		t.Error("the rules limit nothing")
	}
	if limited, _ := (Rules{rule(Settings{Retries: value(1, "a")}, "")}).Limit(); limited {
		t.Error("retries are a limit")
	}
}
