package linkcache

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// askVersion asks a tool for its id through the role, and returns the answer.
func askVersion(t *testing.T, c *Cache, tool string, env ...string) string {
	t.Helper()
	cmd := exec.Command(self(t), Role, "--dir="+c.Dir(), tool, "-V=full")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestVersionIsAskedOnce(t *testing.T) {
	c := openCache(t)
	dir := filepath.Join(t.TempDir(), "tool", "linux_amd64")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	tool, log := filepath.Join(dir, "compile"), filepath.Join(dir, "log")
	script := func(version string) {
		writeFile(t, tool, "#!/bin/sh\necho asked >> "+log+"\necho compile version "+version+" $GOEXPERIMENT\n", 0o777)
	}
	asked := func() int { return strings.Count(readFile(t, log), "asked") }

	script("one")
	for range 3 {
		if got := askVersion(t, c, tool); got != "compile version one\n" || asked() != 1 {
			t.Errorf("answer %q after %d questions", got, asked())
		}
	}
	// The go command tells its tools of the module, which is another in each
	// directory.
	if got := askVersion(t, c, tool, "GOMOD=/elsewhere/go.mod"); got != "compile version one\n" || asked() != 1 {
		t.Errorf("in another module: answer %q after %d questions", got, asked())
	}
	if got := askVersion(t, c, tool, "GOEXPERIMENT=x"); got != "compile version one x\n" || asked() != 2 {
		t.Errorf("with GOEXPERIMENT: answer %q after %d questions", got, asked())
	}
	// Another tool in the same place, with the same size and time.
	info, err := os.Stat(tool)
	if err != nil {
		t.Fatal(err)
	}
	script("two")
	if err := os.Chtimes(tool, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := askVersion(t, c, tool); got != "compile version two\n" || asked() != 3 {
		t.Errorf("replaced: answer %q after %d questions", got, asked())
	}
	// A damaged answer is asked for again, and Trim removes old ones.
	answers, _ := filepath.Glob(filepath.Join(c.Dir(), "*"+versionSuffix))
	if len(answers) != 3 {
		t.Fatalf("answers: %v, want 3", answers)
	}
	old := time.Now().Add(-c.MaxAge - time.Hour)
	for _, path := range answers {
		writeFile(t, path, strings.Replace(readFile(t, path), "o", "p", 1), 0o600)
	}
	if got := askVersion(t, c, tool); got != "compile version two\n" || asked() != 4 {
		t.Errorf("damaged: answer %q after %d questions", got, asked())
	}
	for _, path := range answers {
		os.Chtimes(path, old, old)
	}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if answers, _ = filepath.Glob(filepath.Join(c.Dir(), "*"+versionSuffix)); len(answers) != 0 {
		t.Errorf("Trim left %v", answers)
	}
}
