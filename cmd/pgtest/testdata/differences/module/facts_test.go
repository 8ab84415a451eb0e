package differences

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestVerbose(t *testing.T) { fmt.Println("verbose:", testing.Verbose()) }

func TestTerminal(t *testing.T) {
	_, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	fmt.Println("terminal:", err)
}

func TestSession(t *testing.T) {
	_, err := syscall.Setsid()
	fmt.Println("setsid:", err)
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	fmt.Println("setsid of a child:", cmd.Run())
}

func TestGroup(t *testing.T) { fmt.Println("own group:", syscall.Getpgrp() == os.Getpid()) }

func TestParent(t *testing.T) {
	out, err := exec.Command("ps", "-o", "args=", "-p", fmt.Sprint(os.Getppid())).Output()
	words := strings.Fields(string(out))
	if err != nil || len(words) < 2 {
		t.Fatalf("%v: %q", err, out)
	}
	fmt.Println("parent:", filepath.Base(words[0]), words[1])
}

// TestOrphan starts a shell whose child outlives it, asks for that child's
// parent once the shell is dead, and ends it.
func TestOrphan(t *testing.T) {
	out, err := exec.Command("sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	out, err = exec.Command("ps", "-o", "ppid=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("adopted by its parent:", strings.TrimSpace(string(out)) == strconv.Itoa(os.Getppid()))
	syscall.Kill(pid, syscall.SIGKILL)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		stat, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		if s := strings.TrimSpace(string(stat)); s == "" || strings.HasPrefix(s, "Z") {
			return
		}
	}
	t.Error("the orphan is still there")
}

func TestOutput(t *testing.T) {
	info, err := os.Stdout.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("a terminal:", info.Mode()&os.ModeCharDevice != 0)
}

func TestTempDir(t *testing.T) { fmt.Println("GOTMPDIR:", os.Getenv("GOTMPDIR")) }

func TestVariables(t *testing.T) {
	fmt.Println("event file:", os.Getenv("PGTEST_JSONFILE"))
	fmt.Println("format:", os.Getenv("PGTEST_FORMAT"))
}

func TestArguments(t *testing.T) { fmt.Println("arguments:", os.Args[len(os.Args)-1]) }

func TestDescriptor(t *testing.T) {
	_, err := os.NewFile(9, "9").Stat()
	fmt.Println("descriptor 9:", err)
}
