//go:build unix

package isolate_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"pgtest/harness/harnesstest"
)

// TestPipeline runs "go test | tee log" in an interactive bash on a terminal.
// An isolated test signals its process group: that must reach nobody else in
// the pipeline, and the log must be whole.
func TestPipeline(t *testing.T) {
	t.Parallel()
	harnesstest.Need(t, "bash")
	log := filepath.Join(t.TempDir(), "log")
	sh := startShell(t, "bash", "--norc", "--noprofile", "-i")
	sh.typeLine("cd testdata/outcomes && go test -count=1 -v -run 'TestEndGroup|TestPass' . 2>&1 | tee '" + log +
		`'; echo "statuses:" ${PIPESTATUS[*]}.`)
	sh.await("statuses: 1 0.")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--- PASS: TestPass", "before the end", "isolate: killed by SIGTERM", "--- FAIL: TestEndGroup", "\nFAIL\tpgtest/",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %q in the log:\n%s", want, data)
		}
	}
	if !bytes.HasSuffix(data, []byte("\nFAIL\n")) {
		t.Errorf("the log doesn't come to its end:\n%s", data)
	}
}

// A shell runs on a terminal of its own.
type shell struct {
	t   *testing.T
	tty *os.File

	mu     sync.Mutex
	screen bytes.Buffer
}

// startShell starts a shell that ends with the test.
func startShell(t *testing.T, args ...string) *shell {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PS1=$ ", "TERM=dumb", "HISTFILE=", "ENDS=1")
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, tty: tty}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.screen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		<-read
		tty.Close()
	})
	return s
}

func (s *shell) typeLine(line string) {
	if _, err := s.tty.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until the shell has shown the text.
func (s *shell) await(text string) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		screen := s.screen.String()
		s.mu.Unlock()
		if strings.Contains(screen, text) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("no %q on the terminal:\n%s", text, screen)
		}
	}
}
