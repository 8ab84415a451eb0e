//go:build linux

package ptytest

import (
	"os"
	"testing"

	"pgtest/harness/harnesstest"
)

// Prompt is what every shell of Interactive shows when it waits for a command.
const Prompt = "PROMPT> "

// Interactive is a shell with job control at a prompt.
type Interactive struct {
	*Terminal
	Name string
}

// Shells are the interactive shells that StartShell knows.
var Shells = []string{"bash", "zsh", "fish"}

// StartShell opens a terminal with an interactive shell in it, without the
// user's start-up files, and waits for its prompt. Where the shell is not
// installed the test is skipped, or fails in CI.
func StartShell(t testing.TB, name, dir string, env ...string) *Interactive {
	t.Helper()
	harnesstest.Need(t, name)
	argv := map[string][]string{
		"bash": {"bash", "--norc", "--noprofile", "-i"},
		"zsh":  {"zsh", "-f", "-i"},
		"fish": {"fish", "--no-config", "-i", "-C", "function fish_prompt; echo -n '" + Prompt + "'; end; function fish_greeting; end"},
	}[name]
	env = append(env, "PS1="+Prompt, "PROMPT_COMMAND=", "PATH="+os.Getenv("PATH"))
	sh := &Interactive{Terminal: Open(t, dir, env, argv...), Name: name}
	sh.AwaitPrompt()
	return sh
}

// AwaitPrompt waits until the shell shows its prompt and has the terminal.
func (sh *Interactive) AwaitPrompt() {
	sh.t.Helper()
	sh.Expect(Prompt)
	sh.Until("the shell to have its terminal", func() bool { return sh.Foreground() == sh.Shell.Process.Pid })
}

// Enter types a line.
func (sh *Interactive) Enter(line string) {
	sh.t.Helper()
	sh.Type(line + "\r")
}

// Statuses returns the exit statuses of the members of the last pipeline, with
// a space between them. It must be the first command after it.
func (sh *Interactive) Statuses() string {
	sh.t.Helper()
	switch sh.Name {
	case "bash":
		sh.Enter(`echo "st""atus=${PIPESTATUS[*]}."`)
	default:
		sh.Enter(`echo "st""atus=$pipestatus."`)
	}
	found := sh.Expect(`status=([0-9 ]+)\.`)
	sh.AwaitPrompt()
	return found[1]
}

// CheckTerminal fails the test if a program that the shell starts does not find
// the terminal as it should be: in its foreground, showing what is typed, and
// turning Ctrl-C into a signal.
func (sh *Interactive) CheckTerminal() {
	sh.t.Helper()
	sh.Enter("cat")
	// The shell may still put it in a group of its own.
	sh.Until("cat to have a terminal that echoes", func() bool { return sh.Foreground() == sh.One("^cat$").Group && sh.Echoes() })
	sh.Enter("typed")
	sh.Expect("typed\r\ntyped\r\n")
	sh.Type(CtrlC)
	sh.AwaitPrompt()
	sh.Gone("^cat$")
}
