package harness_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"pgtest/harness"
	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream"
)

// TestMain lets the test binary be the supervisor of the runs in its tests.
func TestMain(m *testing.M) {
	harness.Role()
	harnesstest.CatchIgnored()
	race.ExitAtOnce()
	goleak.VerifyTestMain(m)
}

// runModule runs the tests of a module under testdata in this process, and
// returns the result and the formatted output.
func runModule(t *testing.T, module string, cfg harness.Config) (harness.Result, string) {
	t.Helper()
	var out bytes.Buffer
	cfg.Dir = filepath.Join("testdata", module)
	if cfg.Stream.Stdout == nil {
		cfg.Stream.Stdout = &out
	}
	if cfg.Stream.Format == "" {
		cfg.Stream.Format = "standard-verbose"
	}
	result, err := harness.Run(context.Background(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	return result, out.String()
}

func TestResult(t *testing.T) {
	dir := t.TempDir()
	if err := harnesstest.WriteModule(dir, map[string]string{
		"good/good_test.go": "package good\n\nimport \"testing\"\n\nfunc TestGood(t *testing.T) {}\n",
		"bad/bad_test.go":   "package bad\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Fail() }\n",
	}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	result, err := harness.Run(context.Background(), harness.Config{
		Dir: dir, Args: []string{"./..."}, Stream: jsonstream.Options{Stdout: &out},
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != 1 || result.Interrupted || result.OutputClosed {
		t.Errorf("result = %+v, want exit code 1", result)
	}
	if len(result.Processes) != 2 {
		t.Fatalf("processes = %+v, want two", result.Processes)
	}
	for _, p := range result.Processes {
		if p.Resources.MaxRSS < 1<<20 || p.Elapsed <= 0 || p.Failure != "" {
			t.Errorf("process = %+v, want resources and no failure", p)
		}
		if p.Package != "example.com/m/good" && p.Package != "example.com/m/bad" {
			t.Errorf("package %q", p.Package)
		}
	}
	if !bytes.Contains(out.Bytes(), []byte("DONE 2 tests, 1 failure")) {
		t.Errorf("output:\n%s", out.Bytes())
	}
}

// TestNoRun asks for runs that can't be. Nothing of them stays, no goroutine
// either.
func TestNoRun(t *testing.T) {
	for name, change := range map[string]func(*harness.Config){
		"no such format":              func(cfg *harness.Config) { cfg.Stream.Format = "no-such" },
		"no such directory":           func(cfg *harness.Config) { cfg.Dir = filepath.Join(cfg.TempDir, "none") },
		"no such command":             func(cfg *harness.Config) { cfg.Command = []string{"pgtest-none"} },
		"no such temporary directory": func(cfg *harness.Config) { cfg.TempDir = filepath.Join(cfg.TempDir, "none") },
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			var out bytes.Buffer
			cfg := harness.Config{Command: []string{"true"}, TempDir: temp, Stream: jsonstream.Options{Stdout: &out}}
			change(&cfg)
			if _, err := harness.Run(context.Background(), cfg); err == nil {
				t.Error("no error")
			}
			if left, _ := filepath.Glob(filepath.Join(temp, "*")); len(left) > 0 || out.Len() > 0 {
				t.Errorf("left %q, printed %q", left, out.String())
			}
		})
	}
}
