package harness_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgtest/harness"
	"pgtest/harness/harnesstest"
	"pgtest/harness/rerun"
	"pgtest/jsonstream"
)

// TestParts runs a package in two parts, in which each failed test runs again,
// also those that a panic kept from running: no test runs in both, or with the
// cached result of the other.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	if err := harnesstest.WriteModule(dir, map[string]string{
		"a/a_test.go": `package a

import (
	"os"
	"testing"
)

func once(t *testing.T, fail func()) {
	f, err := os.OpenFile(os.Getenv("RAN"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.WriteString(t.Name() + "\n")
	if _, err := os.Stat(os.Getenv("RAN") + t.Name()); err != nil {
		os.WriteFile(os.Getenv("RAN")+t.Name(), nil, 0o666)
		fail()
	}
}

func TestA(t *testing.T) { once(t, func() {}) }
func TestB(t *testing.T) { once(t, func() { panic("b") }) }
func TestC(t *testing.T) { once(t, t.Fail) }
func TestD(t *testing.T) { once(t, func() {}) }
func TestE(t *testing.T) { once(t, t.Fail) }
func ExampleF()          {}
`,
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestG(t *testing.T) {}\n",
	}); err != nil {
		t.Fatal(err)
	}
	for i, tt := range []struct {
		part harness.Part
		want string
	}{
		{harness.Part{Only: []string{"TestA", "TestB", "TestD"}}, "TestA TestB TestB TestD"},
		{harness.Part{Except: []string{"TestA", "TestB", "TestD"}}, "TestC TestE TestC TestE"},
		{harness.Part{}, "TestA TestB TestB TestC TestD TestE TestC TestE"},
	} {
		ran := fmt.Sprint(dir, "/ran", i)
		result, err := harness.Run(t.Context(), harness.Config{
			Dir: dir, Args: []string{"./..."}, Env: append(os.Environ(), "RAN="+ran),
			Parts:  map[string]harness.Part{"example.com/m/a": tt.part, "example.com/m/gone": {Only: []string{"TestX"}}},
			Rerun:  rerun.Options{Attempts: 2, MaxFailures: 10},
			Stream: jsonstream.Options{Format: "none"},
		})
		if err != nil || result.ExitCode != 0 {
			t.Errorf("%v: %v, %+v", tt.part, err, result)
		}
		text, _ := os.ReadFile(ran)
		if got := strings.Fields(string(text)); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%v: ran %v, want %s", tt.part, got, tt.want)
		}
		if result.Report.Packages[1].Tests == 0 {
			t.Errorf("%v: %+v", tt.part, result.Report.Packages)
		}
	}
}
