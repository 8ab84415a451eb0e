package gotest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGoTestFlags compares the list of go test's flags with the go command. It
// may hold more: flags of other versions.
func TestGoTestFlags(t *testing.T) {
	for name := range goCommandFlags(t) {
		boolean, known := KnowsFlag(name)
		if !known {
			t.Errorf("-%s is missing", name)
			continue
		}
		if want := needsNoValue(t, name); boolean != want {
			t.Errorf("-%s needs no value: %t, want %t", name, boolean, want)
		}
	}
}

// goCommandFlags returns the names of the flags of go build and go test: from
// the go command's help and, where it is there, its source, which has some that
// the help does not tell of.
func goCommandFlags(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	find := func(text, pattern string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names[m[1]] = true
		}
	}
	for _, topic := range []string{"build", "test", "testflag"} {
		find(goOutput(t, "help", topic), `(?m)^\t-([a-zA-Z]+)\b`)
	}
	source := filepath.Join(strings.TrimSpace(goOutput(t, "env", "GOROOT")), "src", "cmd", "go", "internal")
	for _, path := range []string{"work/build.go", "base/flag.go", "test/testflag.go"} {
		text, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(path)))
		if os.IsNotExist(err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		find(string(text), `(?m)^\t(?:cf|flags|cmd\.Flag)\.(?:Bool|String|Int|Duration)?(?:Var)?\((?:.*?, )?"([a-zA-Z][a-z-]*)", `)
	}
	text, err := os.ReadFile(filepath.Join(source, "test", "flagdefs.go"))
	if err == nil {
		passed, _, _ := strings.Cut(string(text), "passAnalyzersToVet")
		find(passed, `(?m)^\t"([a-z]+)": `)
	}
	delete(names, "args") // it ends the flags
	if len(names) < 60 || !names["race"] || !names["coverprofile"] || !names["failfast"] {
		t.Fatalf("not the flags of the go command: %q", slices.Sorted(maps.Keys(names)))
	}
	return names
}

// needsNoValue reports whether a flag of go test leaves the word behind it
// alone: that is -run then, whose value is missing.
func needsNoValue(t *testing.T, name string) bool {
	cmd := exec.Command("go", "test", "-"+name, "-run")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("go test -%s -run passed: %s", name, out)
	}
	return strings.Contains(string(out), "flag needs an argument: -run")
}

func goOutput(t *testing.T, args ...string) string {
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}
