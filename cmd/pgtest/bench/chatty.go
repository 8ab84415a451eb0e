package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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

// chatty compares runs of a test that prints 200 MB in 2,000,000 lines with
// go test -json. go writes each event by itself, and a write to a pipe takes it
// three times as long as one to /dev/null, whoever reads: a tenth to a quarter of
// the run. So the limit is on what pgtest takes beyond a reader that drops all it
// reads.
func (b *bench) chatty() error {
	dir, err := b.module("chatty", map[string]string{"chatty_test.go": chattyTest})
	if err != nil {
		return err
	}
	bench, err := os.Executable()
	if err != nil {
		return err
	}
	junit := "--junitfile=" + filepath.Join(b.dir, "chatty.xml")
	for _, outcome := range []struct{ name, env string }{{"passes", "CHATTY_FAILS="}, {"fails", "CHATTY_FAILS=1"}} {
		run := func(words ...string) func() command {
			return func() command { return command{dir: dir, words: words, env: []string{outcome.env}} }
		}
		costs, err := compareAll(min(b.rounds, 5), []func() command{
			run("go", "test", "-json", "-count=1", "."),
			run("sh", "-c", "go test -json -count=1 . | "+bench+" -drop"),
			run(b.pgtest, "-count=1", "."),
			run(b.pgtest, "-count=1", junit, "."),
		})
		if err != nil {
			return err
		}
		what := "a chatty test that " + outcome.name
		b.table.ratio(what+", against >/dev/null", "", costs[0], costs[2])
		b.table.ratio(what, "a chatty test", costs[1], costs[2])
		b.table.ratio(what+", JUnit", "a chatty test", costs[1], costs[3])
	}
	return nil
}

// drop reads standard input to its end, in large pieces, with as few wake-ups as
// a pipe of a megabyte allows.
func drop() error {
	const setPipeSize = 1031 // F_SETPIPE_SZ; it fails where pipes have one size
	unix.FcntlInt(0, setPipeSize, 1<<20)
	for buf := make([]byte, 1<<20); ; time.Sleep(2 * time.Millisecond) {
		if n, err := syscall.Read(0, buf); err != nil || n == 0 {
			return err
		}
	}
}
