package flags

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
)

// TestMan wants a manual page that mandoc has nothing to say of, but that it has
// no date, and that shows each flag with its variable.
func TestMan(t *testing.T) {
	var page bytes.Buffer
	if err := Man(&page); err != nil {
		t.Fatal(err)
	}
	harnesstest.Need(t, "mandoc")
	lint := exec.Command("mandoc", "-T", "lint")
	lint.Stdin = bytes.NewReader(page.Bytes())
	said, _ := lint.Output()
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "missing date") {
			t.Errorf("mandoc: %s", line)
		}
	}
	show := exec.Command("mandoc", "-T", "utf8", "-O", "width=300")
	show.Stdin = &page
	text, err := show.Output()
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.NewReplacer("_\b", "", "‐", "-").Replace(string(text))
	for i := strings.IndexByte(shown, '\b'); i > 0; i = strings.IndexByte(shown, '\b') {
		shown = shown[:i-1] + shown[i+1:] // bold letters are typed twice
	}
	shown = strings.Join(strings.Fields(shown), " ")
	for _, g := range table(new(Options)) {
		for _, r := range g.Rows {
			for _, want := range []string{r.head(), r.Variable(), strings.Join(strings.Fields(r.text()), " ")} {
				if !strings.Contains(shown, want) {
					t.Errorf("%s: no %q on the page", r.Name, want)
				}
			}
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"a-b": `a\-b`, ".a\n'b\nc.": "\\&.a\n\\&'b\nc.", `\x`: `\ex`, "≤": `\[u2264]`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
