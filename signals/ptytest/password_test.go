//go:build linux

package ptytest_test

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/signals/ptytest"
)

// asks is a test that asks for a password as sudo and ssh do. A signal it notes,
// and stays for longer than a supervisor holds one that it may pass on.
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

// startAsking runs a test that asks, and waits for the question.
func startAsking(t *testing.T, w way, args, rest string) *job {
	t.Helper()
	j := startLine(t, w, nil, "--tty=tests "+args+" ./asks", rest)
	j.awaitQuestion()
	return j
}

func (j *job) awaitQuestion() {
	j.t.Helper()
	j.Expect("Password: ")
	j.awaitTests("asks")
	if j.Echoes() {
		j.t.Error("the terminal echoes")
	}
	if keepers := j.Find("__keeper"); len(keepers) > 0 {
		j.t.Errorf("keepers %v", keepers)
	}
	job := j.One(run)
	for _, pattern := range asking[1:] {
		if p := j.One(pattern); p.Group != job.Group || p.Session != job.Session {
			j.t.Errorf("not in the job's group and session:\n%v\n%v", job, p)
		}
	}
	if j.Foreground() != job.Group {
		j.t.Error("the job is not in the foreground")
	}
}

// asking are the processes of a run that asks and which the terminal signals.
var asking = []string{run, `^go test|/go test`, `^/\S*/pgtest __exec`, `^/\S*/asks\.test `}

func (j *job) awaitAsking(stopped bool, others ...string) {
	j.t.Helper()
	for _, pattern := range append(others, asking...) {
		j.Until("one process "+pattern+" in the right state", func() bool {
			found := j.Find(pattern)
			return len(found) == 1 && (found[0].State == 'T') == stopped
		})
	}
}

// checkAnswered checks that the test got what was typed, and nobody else did.
func (j *job) checkAnswered() {
	j.t.Helper()
	if log := j.read("log"); !regexp.MustCompile(`got 6 letters\n(?s:.*)\nDONE \d tests?.* in \d+\.\d+s\n$`).MatchString(log) {
		j.t.Errorf("the test has no password:\n%s", log)
	}
	if strings.Contains(j.Screen(), "secret") {
		j.t.Error("the password is on the screen")
	}
}

// checkSignals checks which signals the test had.
func (j *job) checkSignals(want string) {
	j.t.Helper()
	if got := j.read("ready/signals"); got != want {
		j.t.Errorf("the test got %q; want %q", got, want)
	}
}

func TestPassword(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "-v -run=Done\\|Asks ./plain", "2>&1 | tee log")
			j.Enter("secret")
			j.AwaitPrompt()
			if status, want := j.Statuses(), map[bool]string{true: "0 0", false: "0"}[w.interactive()]; status != want {
				t.Errorf("status %s; want %s", status, want)
			}
			j.checkAnswered()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// Ctrl-C reaches everybody in the job, as with go test: a tee dies of it, and the
// test gets it once.
func TestPasswordCtrlC(t *testing.T) {
	for _, w := range shellWays {
		for name, rest := range map[string]string{"file": ">log 2>&1", "tee": "2>&1 | tee log"} {
			t.Run(w.name+"/"+name, func(t *testing.T) {
				j := startAsking(t, w, "", rest)
				j.Type(ptytest.CtrlC)
				j.AwaitPrompt()
				want := "130"
				if name == "tee" {
					want = "130 130"
				} else {
					j.checkInterrupted("no password, but interrupt")
				}
				if status := j.Statuses(); status != want {
					t.Errorf("status %s; want %s", status, want)
				}
				j.checkSignals("interrupt")
				j.checkReport("no password, but interrupt")
				j.CheckTerminal()
				j.checkEnd()
			})
		}
	}
}

// checkReport checks that the report is whole.
func (j *job) checkReport(want string) {
	j.t.Helper()
	j.Until("the JUnit report", func() bool { return j.read("junit.xml") != "" })
	if report := j.read("junit.xml"); !strings.Contains(report, want) || !strings.HasSuffix(report, "</testsuites>\n") {
		j.t.Errorf("no %q in the JUnit report:\n%s", want, report)
	}
}

// checkInterrupted checks that the log has everything to the end.
func (j *job) checkInterrupted(wants ...string) {
	j.t.Helper()
	log := j.read("log")
	for _, want := range append(wants, `\nDONE 1 tests?, 1 (interrupted|failure).* in \d+\.\d+s\n$`) {
		if !regexp.MustCompile(want).MatchString(log) {
			j.t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// A script stops on Ctrl-C, as the terminal signals its shell, too.
func TestPasswordCtrlCScript(t *testing.T) {
	for _, w := range ways {
		if w.interactive() {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", ">log 2>&1")
			j.Type(ptytest.CtrlC)
			j.AwaitPrompt()
			j.checkInterrupted()
			j.checkSignals("interrupt")
			if j.read("next") != "" {
				t.Error("the script went on")
			}
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

func TestPasswordCtrlZ(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "--test-timeout=1h", "2>&1 | tee log")
			for range 2 {
				j.Type(ptytest.CtrlZ)
				j.AwaitPrompt()
				j.awaitAsking(true, "^tee log")
				j.Enter("fg")
				j.awaitAsking(false, "^tee log")
				j.Until("the job to have the terminal", func() bool { return j.Foreground() == j.One(run).Group })
			}
			j.Enter("secret")
			j.AwaitPrompt()
			if log := j.read("log"); !strings.Contains(log, "\nDONE 1 tests in ") {
				t.Errorf("the test has no password:\n%s", log)
			}
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// A signal for pgtest alone reaches the test, and nobody else in the job.
func TestPasswordSignals(t *testing.T) {
	for _, test := range []struct {
		sig          unix.Signal
		name, status string
	}{
		{unix.SIGTERM, "terminated", "143 0"},
		{unix.SIGINT, "interrupt", "130 0"},
		{unix.SIGHUP, "hangup", "129 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := startAsking(t, ways[0], "", "2>&1 | tee log")
			j.Signal(j.One(run), test.sig)
			j.AwaitPrompt()
			if status := j.Statuses(); status != test.status {
				t.Errorf("status %s; want %s", status, test.status)
			}
			j.checkSignals(test.name)
			j.checkInterrupted("no password, but " + test.name)
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// In a script and in make SIGTERM for pgtest ends the run, and they go on.
func TestPasswordTermScript(t *testing.T) {
	for _, w := range ways {
		if w.interactive() {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", "2>&1 | tee log")
			j.Signal(j.One(run), unix.SIGTERM)
			j.AwaitPrompt()
			j.checkSignals("terminated")
			j.checkInterrupted()
			if j.read("next") == "" {
				t.Error("the script did not go on")
			}
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// Go dies of a terminal that hangs up, as without pgtest. The reports are whole.
func TestPasswordHangUp(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", ">log 2>&1")
			j.HangUp()
			j.checkReport("<testcase name=\"TestAsks\"")
			j.checkEnd()
		})
	}
}

func TestPasswordRunKilled(t *testing.T) {
	j := startAsking(t, ways[0], "", "2>&1 | tee log")
	j.Signal(j.One(run), unix.SIGKILL)
	j.AwaitPrompt()
	if status := j.Statuses(); status != "137 0" {
		t.Errorf("status %s; want 137 0", status)
	}
	j.CheckTerminal()
	j.checkEnd()
}

func TestPasswordReport(t *testing.T) {
	j := startAsking(t, ways[0], "", "2>&1 | tee log")
	j.Signal(j.One(run), unix.SIGUSR1)
	j.Expect(`pgtest: running: example\.com/m/asks \(\d+\.\d\ds, pid \d+\)`)
	j.Enter("secret")
	j.AwaitPrompt()
	j.checkEnd()
}

func TestPasswordTimeout(t *testing.T) {
	j := startAsking(t, ways[0], "--test-timeout=1s", "2>&1 | tee log")
	j.AwaitPrompt()
	if status := j.Statuses(); status != "1 0" {
		t.Errorf("status %s; want 1 0", status)
	}
	if log := j.read("log"); !strings.Contains(log, "TestAsks of example.com/m/asks ran for longer than --test-timeout=1s") {
		t.Errorf("no timeout in the log:\n%s", log)
	}
	j.checkEnd()
}

// What a test leaves is ended and reported; the rest of the job is not signalled.
func TestTerminalLeaks(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, nil, "--tty=tests ./leaks", "2>&1 | tee log")
			j.AwaitPrompt()
			if status, want := j.Statuses(), map[bool]string{true: "0 0", false: "0"}[w.interactive()]; status != want {
				t.Errorf("status %s; want %s", status, want)
			}
			if leaked := strings.Count(j.read("log"), "sleep 1000"); leaked != 4 {
				t.Errorf("%d leaks in the log; want 4:\n%s", leaked, j.read("log"))
			}
			if !w.interactive() && j.read("next") == "" {
				t.Error("the script did not go on")
			}
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// The terminal that a test has handed to somebody who is dead comes back to the
// job: the next test can ask, and so can the script.
func TestForegroundComesBack(t *testing.T) {
	for name, program := range map[string]string{"ended": "exit", "left": "sleep 1000"} {
		t.Run(name, func(t *testing.T) {
			w := way{name: "dash", shell: "bash", script: "dash script", file: "script", text: "%s\nread line </dev/tty\necho $line >answer\n"}
			j := startLine(t, w, []string{"GRABS=" + program}, "--tty=tests -v ./grabs ./asks", ">log 2>&1")
			j.awaitQuestion()
			j.Enter("secret")
			j.Until("the end of pgtest", func() bool { return len(j.Find(run)) == 0 })
			if j.Foreground() != j.One("^dash script").Group {
				t.Error("the job has not got the terminal back")
			}
			j.Enter("answer")
			j.AwaitPrompt()
			if answer := j.read("answer"); answer != "answer\n" {
				t.Errorf("the script read %q", answer)
			}
			j.checkAnswered()
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}

// A run in the background waits for its turn at the terminal, as any job does.
func TestTerminalBackground(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"SHOW=1"}, "--tty=tests -v ./asks", ">log 2>&1 &")
			j.AwaitPrompt()
			j.awaitAsking(true)
			j.Enter("fg")
			j.awaitAsking(false)
			j.Until("the job to have the terminal", func() bool { return j.Foreground() == j.One(run).Group })
			j.Enter("answer")
			j.AwaitPrompt()
			if !strings.Contains(j.read("log"), "got 6 letters\n") {
				t.Errorf("the test has no answer:\n%s", j.read("log"))
			}
			j.CheckTerminal()
			j.checkEnd()
		})
	}
}
