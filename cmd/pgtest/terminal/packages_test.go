//go:build linux

package terminal_test

// Packages of the module under test, for --tty=tests.

// asks is a test that asks for a password as sudo and ssh do, and fails if it is
// wrong. A signal that it catches it notes, and stays for longer than a supervisor
// holds one that it may pass on. Of SIGQUIT it dies unless $QUIT is set.
const asks = `package asks

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestAsks(t *testing.T) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if os.Getenv("QUIT") != "" {
		signal.Notify(signals, syscall.SIGQUIT)
	}
	stty := func(mode string) {
		cmd := exec.Command("stty", mode)
		cmd.Stdin = tty
		cmd.Run()
	}
	if os.Getenv("SHOW") == "" {
		stty("-echo")
		defer stty("echo")
	}
	fmt.Fprint(tty, "Password: ")
	password := make(chan string)
	go func() {
		line, _ := bufio.NewReader(tty).ReadString('\n')
		password <- strings.TrimSpace(line)
	}()
	os.WriteFile(filepath.Join(os.Getenv("READY"), "asks"), nil, 0o644)
	select {
	case p := <-password:
		fmt.Printf("got %d letters\n", len(p))
		if p == "wrong" {
			t.Error("wrong password")
		}
	case sig := <-signals:
		got := sig.String()
		for over := time.After(3 * time.Second); over != nil; {
			select {
			case sig := <-signals:
				got += ", " + sig.String()
			case <-over:
				over = nil
			}
		}
		os.WriteFile(filepath.Join(os.Getenv("READY"), "signals"), []byte(got), 0o644)
		t.Fatalf("no password, but %s", got)
	}
}
`

// grabs are tests that hand the terminal to a program of theirs and do not take it
// back: to one that ends, or to one that stays.
const grabs = `package grabs

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestGrabs(t *testing.T) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", os.Getenv("GRABS"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(tty.Fd())}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GRABS") == "exit" {
		cmd.Wait()
	}
}
`

// leaks is a test that leaves processes behind: in its group, in a group of its
// own, in a session of its own, and one whose parent is dead.
const leaks = `package leaks

import (
	"os/exec"
	"syscall"
	"testing"
)

func TestLeaks(t *testing.T) {
	for _, attr := range []*syscall.SysProcAttr{nil, {Setpgid: true}, {Setsid: true}} {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = attr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("sh", "-c", "sleep 1000 & exit").Run(); err != nil {
		t.Fatal(err)
	}
}
`

// fuzzes is a fuzz test that asks, and then finds no fault as long as it may try.
const fuzzes = `package fuzzes

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzAsks(f *testing.F) {
	if flag.Lookup("test.fuzzworker").Value.String() == "false" {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			f.Fatal(err)
		}
		fmt.Fprint(tty, "Password: ")
		line, _ := bufio.NewReader(tty).ReadString('\n')
		fmt.Printf("got %d letters\n", len(strings.TrimSpace(line)))
	}
	f.Fuzz(func(t *testing.T, n int) {
		os.WriteFile(filepath.Join(os.Getenv("READY"), "fuzzes"), nil, 0o644)
	})
}
`

// joins is a test that leaves a process in the group of a stranger, whose id is in
// a file beside $READY.
const joins = `package joins

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestJoins(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("READY"), "../stranger"))
	if err != nil {
		t.Fatal(err)
	}
	group, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "2000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}
`
