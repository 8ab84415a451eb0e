//go:build linux

package terminal_test

import (
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/signals/ptytest"
)

// startAsking runs a test that asks, and waits for the question.
func startAsking(t *testing.T, w way, args, rest string) *job {
	t.Helper()
	return startAskingWith(t, w, nil, args, rest)
}

// startAskingWith is startAsking with more in the environment.
func startAskingWith(t *testing.T, w way, env []string, args, rest string) *job {
	t.Helper()
	j := startLine(t, w, env, "--tty=tests "+args+" ./asks", rest)
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

// checkPassed checks that the test got what was typed, which a report
// without -v does not show.
func (j *job) checkPassed() {
	j.t.Helper()
	if log := j.read("log"); !strings.Contains(log, "\nDONE 1 tests in ") {
		j.t.Errorf("the test has no password:\n%s", log)
	}
}

// checkAnswered checks that the test got what was typed, and nobody else did.
func (j *job) checkAnswered() {
	j.t.Helper()
	if log := j.read("log"); !regexp.MustCompile(`got 6 letters\n(?s:.*)\nDONE (\d runs, )?\d tests?.* in \d+\.\d+s\n$`).MatchString(log) {
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
			j.checkStatuses(w.both("0 0", "0"))
			j.checkAnswered()
			j.checkOver()
		})
	}
}

// A test that runs again asks again.
func TestPasswordAgain(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "--rerun-fails -v", "2>&1 | tee log")
			j.Enter("wrong")
			j.awaitQuestion()
			j.Enter("secret")
			j.AwaitPrompt()
			j.checkStatuses("0 0")
			j.checkAnswered()
			if log := j.read("log"); !strings.Contains(log, "\nDONE 2 runs, 2 tests, 1 failure, 1 flaky in ") {
				t.Errorf("the log:\n%s", log)
			}
			j.checkOver()
		})
	}
}

// keys are those that end a run.
var keys = []struct {
	name, keys string
	env        []string
	signal     string // which the test gets
	status     string
	next       string // ways whose script goes on
}{
	{name: "Ctrl-C", keys: ptytest.CtrlC, signal: "interrupt", status: "130"},
	{name: `Ctrl-\`, keys: ptytest.CtrlBackslash, env: []string{"QUIT=1"}, signal: "quit", status: "131", next: "bash script"}, // bash ignores SIGQUIT
}

// What is typed reaches everybody in the job, as with go test: a tee dies of it,
// and the test gets it once.
func TestPasswordKeys(t *testing.T) {
	for _, w := range shellWays {
		for _, key := range keys {
			for name, rest := range map[string]string{"file": ">log 2>&1", "tee": "2>&1 | tee log"} {
				t.Run(w.name+"/"+key.name+"/"+name, func(t *testing.T) {
					j := startAskingWith(t, w, key.env, "", rest)
					j.Type(key.keys)
					j.AwaitPrompt()
					if name == "tee" {
						j.checkStatuses(key.status + " " + key.status)
					} else {
						j.checkStatuses(key.status)
						j.checkInterrupted("no password, but " + key.signal)
					}
					j.checkSignals(key.signal)
					j.checkReport("no password, but " + key.signal)
					j.checkOver()
				})
			}
		}
	}
}

// A script stops, as the terminal signals its shell, too. The shell may be dead
// before the test has cleaned up; that is not stopped when it touches the terminal.
func TestPasswordKeysScript(t *testing.T) {
	for _, w := range scriptWays {
		for _, key := range keys {
			t.Run(w.name+"/"+key.name, func(t *testing.T) {
				j := startAskingWith(t, w, key.env, "", ">log 2>&1")
				j.Type(key.keys)
				j.AwaitPrompt()
				j.Gone(run)
				j.checkInterrupted()
				j.checkSignals(key.signal)
				j.checkNext(strings.Contains(key.next, w.name))
				j.saneTerminal() // where the shell was gone, the test could not
				j.checkOver()
			})
		}
	}
}

// A Go test that leaves SIGQUIT alone shows its goroutines, once, and the log is
// whole.
func TestPasswordQuit(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", ">log 2>&1")
			j.Type(ptytest.CtrlBackslash)
			j.AwaitPrompt()
			j.checkStatuses("131")
			j.checkInterrupted("SIGQUIT: quit", `goroutine \d+ `, `asks\.TestAsks\(`)
			if dumps := strings.Count(j.read("log"), "SIGQUIT: quit"); dumps != 1 {
				t.Errorf("%d dumps in the log:\n%s", dumps, j.read("log"))
			}
			j.checkReport("asks.TestAsks(")
			j.saneTerminal() // the test could not
			j.checkOver()
		})
	}
}

// saneTerminal puts the terminal in order.
func (j *job) saneTerminal() {
	j.t.Helper()
	j.Enter("stty sane")
	j.AwaitPrompt()
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

func TestPasswordCtrlZ(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "--test-timeout=1h", "2>&1 | tee log")
			for range 2 {
				j.suspendAsking("^tee log")
				j.resumeAsking("^tee log")
			}
			j.Enter("secret")
			j.AwaitPrompt()
			j.checkPassed()
			j.checkOver()
		})
	}
}

// suspendAsking types Ctrl-Z, and waits until the whole job has stopped.
func (j *job) suspendAsking(others ...string) {
	j.t.Helper()
	j.Type(ptytest.CtrlZ)
	j.AwaitPrompt()
	j.awaitAsking(true, others...)
}

// resumeAsking waits until the whole job goes on, with the terminal.
func (j *job) resumeAsking(others ...string) {
	j.t.Helper()
	j.Enter("fg")
	j.awaitAsking(false, others...)
	j.Until("the job to have the terminal", func() bool { return j.Foreground() == j.One(run).Group })
}

// SIGCONT for pgtest alone is for pgtest alone. While everything runs it does
// nothing; in a job that was stopped the tests wait for fg.
func TestPasswordContinued(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", ">log 2>&1")
			j.Signal(j.One(run), unix.SIGCONT)
			j.report()

			j.suspendAsking()
			j.Signal(j.One(run), unix.SIGCONT)
			j.report()
			for _, pattern := range asking[1:] {
				if p := j.One(pattern); p.State != 'T' {
					t.Errorf("not stopped: %v", p)
				}
			}
			if w.shell == "bash" { // which sends no SIGCONT to a job that runs in part
				j.Enter("fg")
				j.Until("the job to have the terminal", func() bool { return j.Foreground() == j.One(run).Group })
				j.suspendAsking()
			}
			j.resumeAsking()
			j.Enter("secret")
			j.AwaitPrompt()
			j.checkPassed()
			j.checkOver()
		})
	}
}

// report asks pgtest what is running, until it says so.
func (j *job) report() {
	j.t.Helper()
	before := strings.Count(j.read("log"), "pgtest: running: example.com/m/asks (")
	j.Until("a report", func() bool {
		j.Signal(j.One(run), unix.SIGUSR1)
		return strings.Count(j.read("log"), "pgtest: running: example.com/m/asks (") > before
	})
}

// A run that alone was continued ends on a signal, and nothing of it is left,
// though its tests are stopped and the shell does not know.
func TestPasswordContinuedAndEnded(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "--grace=100ms", ">log 2>&1")
			j.Type(ptytest.CtrlZ)
			j.AwaitPrompt()
			j.awaitAsking(true)
			j.Signal(j.One(run), unix.SIGCONT)
			j.Until("pgtest to run", func() bool { return j.One(run).State != 'T' })
			j.Signal(j.One(run), unix.SIGTERM)
			j.checkReport("<testcase name=\"TestAsks\"")
			j.checkEnd()
			j.checkInterrupted()
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
		{unix.SIGQUIT, "quit", "131 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := startAskingWith(t, ways[0], []string{"QUIT=1"}, "", "2>&1 | tee log")
			j.Signal(j.One(run), test.sig)
			j.AwaitPrompt()
			j.checkStatuses(test.status)
			j.checkSignals(test.name)
			j.checkInterrupted("no password, but " + test.name)
			j.checkOver()
		})
	}
}

// In a script and in make SIGTERM for pgtest ends the run, and they go on.
func TestPasswordTermScript(t *testing.T) {
	for _, w := range scriptWays {
		t.Run(w.name, func(t *testing.T) {
			j := startAsking(t, w, "", "2>&1 | tee log")
			j.Signal(j.One(run), unix.SIGTERM)
			j.AwaitPrompt()
			j.checkSignals("terminated")
			j.checkInterrupted()
			j.checkNext(true)
			j.checkOver()
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
	j.Gone("__watchdog") // and so what reads the terminal
	j.AwaitPrompt()
	j.checkStatuses("137 0")
	j.checkOver()
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
	j.checkStatuses("1 0")
	if log := j.read("log"); !strings.Contains(log, "TestAsks of example.com/m/asks ran for longer than --test-timeout=1s") {
		t.Errorf("no timeout in the log:\n%s", log)
	}
	j.checkEnd()
}

// What a test leaves is ended and reported; the rest of the job is not signalled.
func TestTerminalLeaks(t *testing.T) {
	for _, w := range ways {
		for _, leaks := range []struct{ flag, shell string }{{"--leaks=warn", "0 0"}, {"--leaks=fail", "1 0"}} {
			t.Run(w.name+"/"+leaks.flag, func(t *testing.T) {
				j := startLine(t, w, nil, "--tty=tests "+leaks.flag+" ./leaks", "2>&1 | tee log")
				j.AwaitPrompt()
				j.checkStatuses(w.both(leaks.shell, "0")) // a script's is that of tee
				log := j.read("log")
				if leaked := strings.Count(log, "sleep 1000"); leaked != 4 {
					t.Errorf("%d leaks in the log; want 4:\n%s", leaked, log)
				}
				if got, want := strings.Contains(log, "4 leaked processes"), leaks.flag == "--leaks=fail"; got != want {
					t.Errorf("the package failed for its leaks: %v; want %v:\n%s", got, want, log)
				}
				j.checkNext(true)
				j.checkOver()
			})
		}
	}
}

// What a test leaves in the group of a stranger is ended, and the stranger is not.
func TestTerminalStranger(t *testing.T) {
	w := way{name: "jobs", shell: "bash", script: "bash script", file: "script",
		text: "set -m\nsleep 1000 & echo $! >stranger\n%s\necho next >next\n"}
	j := startLine(t, w, nil, "--tty=tests ./joins", ">log 2>&1")
	j.AwaitPrompt()
	j.checkNext(true)
	if log := j.read("log"); strings.Count(log, "sleep 2000") != 1 {
		t.Errorf("not one leak in the log:\n%s", log)
	}
	stranger := j.One("^sleep 1000")
	j.Gone("^sleep 2000")
	j.Signal(stranger, unix.SIGKILL)
	j.checkOver()
}

// A fuzzer asks as a test does. Ctrl-C ends it with its workers, which are in the
// job like all others, and it comes to its end.
func TestTerminalFuzz(t *testing.T) {
	for _, key := range keys {
		t.Run(key.name, func(t *testing.T) {
			j := startLine(t, ways[0], nil, "--tty=tests -v -fuzz=Asks ./fuzzes -test.fuzzcachedir=$READY/cache", ">log 2>&1")
			j.Expect("Password: ")
			j.Enter("secret")
			j.awaitTests("fuzzes")
			job := j.One(run)
			for _, p := range j.Find(`^/\S*/fuzzes\.test `) {
				if p.Group != job.Group || p.Session != job.Session {
					t.Errorf("not in the job's group and session:\n%v\n%v", job, p)
				}
			}
			j.Type(key.keys)
			j.AwaitPrompt()
			j.checkStatuses(key.status)
			if log := j.read("log"); !strings.Contains(log, "got 6 letters\n") || !strings.Contains(log, "\nDONE 1 tests") {
				t.Errorf("the log:\n%s", log)
			}
			j.checkReport("FuzzAsks")
			j.checkOver()
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
			j.checkOver()
		})
	}
}

// A run in the background waits for its turn at the terminal, as any job does.
func TestTerminalBackground(t *testing.T) {
	for _, w := range shellWays {
		t.Run(w.name, func(t *testing.T) {
			j := startLine(t, w, []string{"SHOW=1"}, "--tty=tests -v ./asks", ">log 2>&1 &")
			j.AwaitPrompt()
			if w.shell == "bash" { // others tell at once of a job that stops
				j.Enter("set -b")
				j.AwaitPrompt()
			}
			j.awaitAsking(true)
			// A process seems stopped before its last thread has stopped and its
			// parent knows. A shell sends no SIGCONT to a job that still runs for it.
			j.Until("the shell to say that the job has stopped", func() bool {
				return regexp.MustCompile("[Ss]topped|suspended").MatchString(j.Screen())
			})
			j.Enter("fg")
			j.awaitAsking(false)
			j.Until("the job to have the terminal", func() bool { return j.Foreground() == j.One(run).Group })
			j.Enter("answer")
			j.AwaitPrompt()
			if !strings.Contains(j.read("log"), "got 6 letters\n") {
				t.Errorf("the test has no answer:\n%s", j.read("log"))
			}
			j.checkOver()
		})
	}
}
