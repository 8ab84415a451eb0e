package gotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAsk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/asked\n\ngo 1.24\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out, messages, err := Ask(dir, "list", "-m")
	if err != nil || string(out) != "example.com/asked\n" || len(messages) > 0 {
		t.Errorf("%q %q %v", out, messages, err)
	}
	if out, messages, err = Ask(dir, "list", "./..."); err != nil || len(out) > 0 || !strings.Contains(string(messages), "matched no packages") {
		t.Errorf("%q %q %v", out, messages, err)
	}
	if _, _, err = Ask(dir, "list", "-mod=x"); err == nil || !strings.HasPrefix(err.Error(), "go list: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	t.Setenv("PATH", dir)
	if _, _, err = Ask("", "env"); err == nil || !strings.HasPrefix(err.Error(), "go env: ") || !strings.Contains(err.Error(), "not found") {
		t.Errorf("%v", err)
	}
}
