package harness_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"pgtest/harness"
	"pgtest/harness/harnesstest"
	"pgtest/harness/internal/control"
)

// leak runs one test of the module leaks.
func leak(t *testing.T, test string, policy harness.LeakPolicy) (harness.Result, harness.Process, string) {
	t.Helper()
	mark := harnesstest.Mark(t.Name())
	result, out := runModule(t, "leaks", harness.Config{
		Args: []string{"-count=1", "-run", "^" + test + "$"}, Env: append(os.Environ(), mark), Leaks: policy,
	})
	if alive := harnesstest.Survivors(mark); len(alive) > 0 {
		t.Errorf("survivors: %v\n%s", alive, out)
	}
	// go test waits for a tenth of -timeout, 60 s, if a process holds its pipe.
	if strings.Contains(out, "Test I/O incomplete") {
		t.Errorf("go test waited for output:\n%s", out)
	}
	if len(result.Processes) != 1 {
		t.Fatalf("processes = %+v, want one\n%s", result.Processes, out)
	}
	return result, result.Processes[0], out
}

func TestLeaks(t *testing.T) {
	for _, tt := range []struct {
		test    string
		escaped bool
		end     control.LeakEnd
	}{
		{"TestGroup", false, control.EndedByTerm},
		{"TestOwnGroup", true, control.EndedByTerm},
		{"TestOwnSession", true, control.EndedByTerm},
		{"TestDaemon", true, control.EndedByTerm},
		{"TestStubborn", false, control.EndedByKill},
	} {
		t.Run(tt.test, func(t *testing.T) {
			result, p, out := leak(t, tt.test, harness.WarnLeaks)
			if result.ExitCode != 0 {
				t.Errorf("exit code %d, want 0\n%s", result.ExitCode, out)
			}
			if len(p.Leaks) != 1 {
				t.Fatalf("leaks = %+v, want one", p.Leaks)
			}
			l := p.Leaks[0]
			if l.PID <= 0 || l.Escaped != tt.escaped || l.End != tt.end || !strings.HasSuffix(l.Command, "leaks.test") {
				t.Errorf("leak = %+v, want escaped %t, %s", l, tt.escaped, tt.end)
			}
			if !strings.Contains(out, "=== Leaked processes") || !strings.Contains(out, fmt.Sprintf("pid %d: ", l.PID)) {
				t.Errorf("output does not tell:\n%s", out)
			}
		})
	}
}

// TestMovingLeaks is about processes that are others at each look.
func TestMovingLeaks(t *testing.T) {
	for _, test := range []string{"TestRenewing", "TestSpawning"} {
		t.Run(test, func(t *testing.T) {
			_, p, out := leak(t, test, harness.WarnLeaks)
			if len(p.Leaks) == 0 {
				t.Errorf("no leak was reported:\n%s", out)
			}
		})
	}
}

func TestManyLeaks(t *testing.T) {
	_, p, out := leak(t, "TestMany", harness.WarnLeaks)
	if got := len(p.Leaks) + p.MoreLeaks; got != 2000 {
		t.Errorf("%d leaks, want 2000", got)
	}
	if len(p.Leaks) != control.MaxLeaks || !strings.Contains(out, "and 1,980 more") {
		t.Errorf("%d leaks are described, want %d:\n%s", len(p.Leaks), control.MaxLeaks, out)
	}
}

func TestNoLeaks(t *testing.T) {
	_, p, out := leak(t, "TestNothing", harness.FailLeaks)
	if len(p.Leaks) != 0 || strings.Contains(out, "Leaked") {
		t.Errorf("leaks = %+v\n%s", p.Leaks, out)
	}
}

// TestDyingIsNoLeak tries again, because a busy machine may take longer than
// pgtest's patience to let the child die.
func TestDyingIsNoLeak(t *testing.T) {
	for range 10 {
		if _, p, _ := leak(t, "TestDying", harness.WarnLeaks); len(p.Leaks) == 0 {
			return
		}
	}
	t.Error("a child that ends with the test binary was reported ten times")
}

func TestLeakPolicies(t *testing.T) {
	result, p, out := leak(t, "TestGroup", harness.FailLeaks)
	if result.ExitCode != 1 || len(p.Leaks) != 1 {
		t.Errorf("fail: exit code %d, leaks %+v\n%s", result.ExitCode, p.Leaks, out)
	}
	if r := result.Report.Package("example.com/leaks"); r == nil || !r.End.Failed() {
		t.Errorf("fail: package = %+v", r)
	}
	result, _, out = leak(t, "TestGroup", harness.IgnoreLeaks)
	if result.ExitCode != 0 || strings.Contains(out, "Leaked") {
		t.Errorf("ignore: exit code %d\n%s", result.ExitCode, out)
	}
}
