//go:build linux

package terminal_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	_ "pgtest/harness" // so that a change there makes go test run these tests again
	"pgtest/harness/harnesstest"
)

// What all tests share: the command, and the module whose tests it runs.
var pgtestPath, modulePath string

// module is the module under test. Its tests say that they run by making files in
// $READY, and go on until a signal.
var module = map[string]string{
	"go.mod": "module example.com/m\n\ngo 1.24\n",
	// Dies of what it gets.
	"plain/plain_test.go": `package plain

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDone(t *testing.T) {}

func TestPlain(t *testing.T) {
	fmt.Println("plain runs")
	t.Run("sub", func(t *testing.T) {
		os.WriteFile(filepath.Join(os.Getenv("READY"), "plain"), nil, 0o644)
		time.Sleep(time.Hour)
	})
}
`,
	// Cleans up first, or does not care.
	"careful/careful_test.go": `package careful

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

func TestCareful(t *testing.T) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	os.WriteFile(filepath.Join(os.Getenv("READY"), "careful"), nil, 0o644)
	for sig := range signals {
		if os.Getenv("STUBBORN") == "" {
			t.Fatalf("cleaned up after %v", sig)
		}
		fmt.Println("does not care for", sig)
		os.WriteFile(filepath.Join(os.Getenv("READY"), "stubborn"), nil, 0o644)
	}
}
`,
	// Writes a lot, and then nothing.
	"talks/talks_test.go": `package talks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestTalks(t *testing.T) {
	if os.Getenv("TALK") == "" {
		t.Skip("silent")
	}
	lines, _ := strconv.Atoi(os.Getenv("TALK"))
	for i := range lines {
		fmt.Println("line", i)
	}
	os.WriteFile(filepath.Join(os.Getenv("READY"), "talks"), nil, 0o644)
	time.Sleep(time.Hour)
}
`,
	"asks/asks_test.go":     asks,
	"fuzzes/fuzzes_test.go": fuzzes,
	"grabs/grabs_test.go":   grabs,
	"joins/joins_test.go":   joins,
	"leaks/leaks_test.go":   leaks,
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pgtest-pty-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// prepare builds the command, writes the module, and builds it once, so that no
// test waits for a compiler.
func prepare(dir string) (err error) {
	if err := harnesstest.RequirePrograms(); err != nil {
		return err
	}
	if err := harnesstest.OwnHome(dir); err != nil {
		return err
	}
	if pgtestPath, err = harnesstest.BuildPgtest(dir); err != nil {
		return err
	}
	modulePath = filepath.Join(dir, "module")
	for name, content := range module {
		path := filepath.Join(modulePath, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"./..."}, {"-fuzz=None", "./fuzzes"}} {
		warm := exec.Command(pgtestPath, append([]string{"-count=1", "-vet=off", "-run=None"}, args...)...)
		warm.Dir = modulePath
		if out, err := warm.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", warm.Args, err, out)
		}
	}
	return nil
}
