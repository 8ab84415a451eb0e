package isolate_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCopy holds that docs/isolate.md names the directories that a copy of the
// package consists of, and the other module that it needs.
func TestCopy(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{end}}{{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		module, path, ok := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case !ok: // of the standard library
		case module == "pgtest":
			want = append(want, strings.TrimPrefix(path, "pgtest/"))
		default:
			want = append(want, module)
		}
	}
	docs, err := os.ReadFile("../../docs/isolate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(docs), "Or copy the directories ")
	paragraph, _, _ := strings.Cut(text, "\n\n")
	var got []string
	for _, name := range regexp.MustCompile("`(.*?)`").FindAllStringSubmatch(paragraph, -1) {
		got = append(got, name[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("the docs name %q, want %q", got, want)
	}
}
