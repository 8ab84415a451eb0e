package main

import "path/filepath"

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
// go test -json, whose output nobody reads.
func (b *bench) chatty() error {
	dir, err := b.module("chatty", map[string]string{"chatty_test.go": chattyTest})
	if err != nil {
		return err
	}
	junit := "--junitfile=" + filepath.Join(b.dir, "chatty.xml")
	for _, outcome := range []struct{ name, env string }{{"passes", "CHATTY_FAILS="}, {"fails", "CHATTY_FAILS=1"}} {
		for _, flags := range [][]string{nil, {junit}, {"-v"}} {
			run := func(words ...string) command {
				return command{dir, append(words, "-count=1", "."), []string{outcome.env}}
			}
			peer, ours, err := compare(min(b.rounds, 5), run("go", "test", "-json"), run(append([]string{b.pgtest}, flags...)...))
			if err != nil {
				return err
			}
			what, kind := "a chatty test that "+outcome.name, "a chatty test"
			switch {
			case len(flags) == 0:
			case flags[0] == junit:
				what += ", JUnit"
			default:
				what, kind = what+", "+flags[0], "shown"
			}
			b.table.ratio(what, kind, peer, ours)
		}
	}
	return nil
}
