package live

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDeps keeps out what is slow to initialize: every role of pgtest pays for it,
// with each package that is tested. Go-runewidth makes tables for 44 ms.
func TestDeps(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "pgtest/cmd/pgtest").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "github.com/mattn/go-runewidth\n") {
		t.Error("go-runewidth is in the program")
	}
}
