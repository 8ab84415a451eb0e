package pattern

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestNarrow(t *testing.T) {
	for _, tt := range []struct{ run, name, want string }{
		{"", "TestA", "^TestA$"},
		{"A", "TestA", "^TestA$"},
		{"B", "TestA", ""},
		{"A/x", "TestA", "^TestA$/x"},
		{"A/x/y", "TestA/x", "^TestA$/^x$/y"},
		{"A/x", "TestA/x/y", "^TestA$/^x$/^y$"},
		{"A/x|A/y/z", "TestA", "^TestA$/x|^TestA$/y/z"},
		{"A/x|A", "TestA", "^TestA$"},
		{"A/x|B/y", "TestB", "^TestB$/y"},
		{"(A|B)/[/|]/(p/q)", "TestB", "^TestB$/[/|]/(p/q)"},
		{`A\/x`, "TestA", ""},
		{"A/a b", "TestA/a_b", "^TestA$/^a_b$"},
		{"", "TestA/1+1=2", `^TestA$/^1\+1=2$`},
		{"(", "TestA", ""},
	} {
		got, ok := Narrow(tt.run, tt.name)
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("Narrow(%q, %q) = %q, %v, want %q", tt.run, tt.name, got, ok, tt.want)
		}
	}
}

func TestSkips(t *testing.T) {
	for _, tt := range []struct {
		skip, name string
		want       bool
	}{
		{"", "TestA", false},
		{"A", "TestA", true},
		{"A", "TestA/x", true},
		{"A/x", "TestA", false},
		{"A/x", "TestA/x", true},
		{"B|A", "TestA", true},
		{"A/x|A", "TestA", false},
	} {
		if got := Skips(tt.skip, tt.name); got != tt.want {
			t.Errorf("Skips(%q, %q) = %v, want %v", tt.skip, tt.name, got, tt.want)
		}
	}
}

// TestNarrowAsTesting compares with package testing itself: the tests that a
// narrowed pattern runs are those below the test that the whole pattern runs.
func TestNarrowAsTesting(t *testing.T) {
	const name = "TestTree"
	for _, run := range []string{
		"Tree", "Tree/a", "Tree/a/1", "Tree/a|Tree/b/1", "Tree/(a|b)/[12]", "Tree/a/1|Tree", "Tree/b#01", `Tree/1\+1`, "Tree/x y",
	} {
		narrowed, ok := Narrow(run, name)
		if !ok {
			t.Fatalf("Narrow(%q) matches nothing", run)
		}
		if got, want := ran(t, narrowed), ran(t, run); got != want {
			t.Errorf("pattern %q, narrowed to %q, ran:\n%swant:\n%s", run, narrowed, got, want)
		}
	}
	for line := range strings.Lines(ran(t, "Tree")) {
		test := strings.TrimSpace(line)
		if !strings.Contains("\n"+ran(t, Exact(test)), "\n"+line) {
			t.Errorf("Exact(%q) = %q does not run it", test, Exact(test))
		}
	}
}

// ran returns the names of the tests of TestTree that run for a pattern, one a
// line.
func ran(t *testing.T, run string) string {
	cmd := exec.Command(os.Args[0], "-test.run="+run, "-test.v")
	cmd.Env = append(os.Environ(), "TREE=1", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("-test.run=%s: %v\n%s", run, err, out)
	}
	var names strings.Builder
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "=== RUN   "); ok && strings.HasPrefix(name, "TestTree") {
			fmt.Fprint(&names, name)
		}
	}
	return names.String()
}

func TestTree(t *testing.T) {
	if os.Getenv("TREE") == "" {
		t.Skip("only for TestNarrowAsTesting")
	}
	for _, sub := range []string{"a", "b", "b", "1+1", "x y", ""} {
		t.Run(sub, func(t *testing.T) {
			t.Run("1", func(t *testing.T) {})
			t.Run("2", func(t *testing.T) {})
		})
	}
}
