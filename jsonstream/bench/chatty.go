package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// chattyLimit is how much longer than go test -json >/dev/null a run of a test
// that prints two million lines may take.
const chattyLimit = 1.1

const chattyTest = `package chatty

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestChatty(t *testing.T) {
	w := bufio.NewWriter(os.Stdout)
	rest := strings.Repeat("x", 91)
	for i := range 2_000_000 {
		fmt.Fprintf(w, "%07d %s\n", i, rest)
	}
	w.Flush()
	if os.Getenv("CHATTY_FAILS") != "" {
		t.Fail()
	}
}
`

// chatty prints the times of a test that prints 200 MB in 2,000,000 lines, by
// turns with go test -json.
func (b *bench) chatty() error {
	dir := filepath.Join(b.dir, "chatty")
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	for name, text := range map[string]string{"go.mod": "module chatty\n\ngo 1.24\n", "chatty_test.go": chattyTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	junit := "--junitfile=" + filepath.Join(b.dir, "chatty.xml")
	var failed error
	fmt.Printf("\na test that prints 2,000,000 lines, best of %d\n\n", b.repeat)
	fmt.Printf("%-8s %-24s %15s %10s %8s %8s\n", "result", "", "go test -json", "pgtest", "ratio", "at most")
	for _, fails := range []string{"", "1"} {
		for _, flags := range [][]string{nil, {junit}, {"-v"}} {
			theirs, ours, err := b.chattyTurns(dir, "CHATTY_FAILS="+fails, flags)
			if err != nil {
				return err
			}
			result, shown := "pass", ""
			if fails != "" {
				result = "fail"
			}
			if len(flags) > 0 {
				shown = flags[0][:min(len(flags[0]), len("--junitfile"))]
			}
			ratio := ours.Seconds() / theirs.Seconds()
			fmt.Printf("%-8s %-24s %14.2fs %9.2fs %8.3f %8.3f\n", result, shown, theirs.Seconds(), ours.Seconds(), ratio, chattyLimit)
			if ratio > chattyLimit {
				failed = errors.New("a limit is not kept")
			}
		}
	}
	return failed
}

// chattyTurns runs both by turns and returns the best time of each.
func (b *bench) chattyTurns(dir, env string, flags []string) (theirs, ours time.Duration, err error) {
	for range b.repeat {
		a, err := timed(dir, env, "go", "test", "-json", "-count=1", ".")
		if err != nil {
			return 0, 0, err
		}
		p, err := timed(dir, env, b.pgtest, append(flags, "-count=1", ".")...)
		if err != nil {
			return 0, 0, err
		}
		if theirs == 0 || a < theirs {
			theirs = a
		}
		if ours == 0 || p < ours {
			ours = p
		}
	}
	return theirs, ours, nil
}

// timed runs a command whose tests may fail.
func timed(dir, env, name string, args ...string) (time.Duration, error) {
	program, err := exec.LookPath(name)
	if err != nil {
		return 0, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return 0, err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env)
	start := time.Now()
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return 0, fmt.Errorf("%s %q: %w", name, args, err)
	}
	return time.Since(start), nil
}
