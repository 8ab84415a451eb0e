//go:build unix

package watchdog

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/harnesstest/race"
)

const patienceOfTests = 2 * time.Minute

// killedRole is a run that is killed when it has made its directories.
const killedRole = "__killed"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case Role:
			os.Exit(Main(os.Args[2:]))
		case killedRole:
			dirs := os.Args[2:]
			Start([]string{os.Args[0], Role}, dirs, func() error {
				for _, dir := range dirs {
					os.Mkdir(dir, 0o700)
				}
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}, nil)
		}
	}
	race.ExitAtOnce()
	os.Exit(m.Run())
}

// TestKilledAtOnce kills a run as soon as it has made its directories, which are
// removed all the same.
func TestKilledAtOnce(t *testing.T) {
	tmp := t.TempDir()
	run := exec.Command(os.Args[0], killedRole, filepath.Join(tmp, "run"), filepath.Join(tmp, "none", "run"), filepath.Join(tmp, "socket"))
	run.Run()
	if status, ok := run.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the run: %v", run.ProcessState)
	}
	for end := time.Now().Add(patienceOfTests); ; time.Sleep(time.Millisecond) {
		left, err := os.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("left: %v", left)
		}
	}
}

// TestNoDirectory starts a watchdog for a directory that can't be made. What is
// there stays.
func TestNoDirectory(t *testing.T) {
	dir := t.TempDir()
	refused := errors.New("refused")
	if _, err := Start([]string{os.Args[0], Role}, []string{dir}, func() error { return refused }, nil); err != refused {
		t.Errorf("Start: %v, want %v", err, refused)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}

// TestEndedAtOnce starts a watchdog that ends before it starts the command.
func TestEndedAtOnce(t *testing.T) {
	ended := make(chan error, 1)
	go func() {
		_, err := Start([]string{"true"}, []string{t.TempDir()}, func() error { return nil }, exec.Command("true"))
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(patienceOfTests):
		t.Fatal("Start waits for a watchdog that has ended")
	}
}
