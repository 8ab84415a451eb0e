//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// command is what the README shows, with its output in a code block.
const command = "$ pgtest ./... 2>&1 | tee log\n"

// writeTranscript puts what a run of the demo prints into the README, without most
// of its failures.
func writeTranscript(pgtest, readme string) error {
	cmd := exec.Command(pgtest, "-count=1", "./...")
	cmd.Dir = "docs/demo"
	cmd.Env = append(os.Environ(), "CI=", "NO_COLOR=1")
	out, _ := cmd.CombinedOutput() // it fails
	head, failures, ok := strings.Cut(string(out), "\n=== Failed\n")
	blocks := slices.DeleteFunc(strings.Split(failures, "\n\n"), func(b string) bool {
		return !strings.HasPrefix(b, "=== FAIL") || !strings.Contains(b, "\n    ") // it says little
	})
	done := failures[strings.LastIndex(failures, "\nDONE")+1:]
	if !ok || !strings.HasPrefix(done, "DONE") || len(blocks) == 0 {
		return fmt.Errorf("the demo: %s", out)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, after, ok := strings.Cut(string(text), command)
	_, after, closed := strings.Cut(after, "```\n")
	if !ok || !closed {
		return fmt.Errorf("%s: no block with %s", readme, command)
	}
	short := slices.MinFunc(blocks, func(a, b string) int { return len(a) - len(b) })
	changed := before + command + head + "\n=== Failed\n" + short + "\n[...]\n" + done + "```\n" + after
	return os.WriteFile(readme, []byte(changed), 0o666)
}
