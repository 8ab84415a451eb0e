// Package leaks leaves processes behind, each test in a way of its own.
package leaks

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// role is what a process that a test starts does.
const role = "LEAKS_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "wait":
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	case "daemon":
		begin("wait", &syscall.SysProcAttr{Setsid: true})
		fmt.Println("ready")
	case "renewing":
		// Each generation starts the next in a session of its own and ends.
		begin("renewing", &syscall.SysProcAttr{Setsid: true})
	case "spawning":
		fmt.Println("ready")
		for {
			begin("wait", nil)
		}
	}
}

// begin starts a process in a role, with the test's standard output.
func begin(r string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+r)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
	}
	return cmd
}

func TestNothing(t *testing.T) {}

func TestGroup(t *testing.T) { begin("wait", nil) }

func TestOwnGroup(t *testing.T) { begin("wait", &syscall.SysProcAttr{Setpgid: true}) }

func TestOwnSession(t *testing.T) { begin("wait", &syscall.SysProcAttr{Setsid: true}) }

func TestDaemon(t *testing.T) {
	if err := begin("daemon", nil).Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestStubborn waits until its child ignores signals.
func TestStubborn(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"=stubborn")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscanln(out, new(string)); err != nil {
		t.Fatal(err)
	}
}

func TestRenewing(t *testing.T) { begin("renewing", &syscall.SysProcAttr{Setsid: true}) }

func TestSpawning(t *testing.T) { begin("spawning", nil) }

// TestDying leaves a child that ends when the test binary does.
func TestDying(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dying = w
}

// dying keeps a pipe open until the process ends.
var dying *os.File

func TestMany(t *testing.T) {
	out, err := exec.Command("sh", "-c",
		`i=0; while [ $i -lt 2000 ]; do sleep 3600 >/dev/null 2>&1 & i=$((i+1)); done; echo started`).CombinedOutput()
	if err != nil || string(out) != "started\n" {
		t.Fatalf("%v: %s", err, out)
	}
}
