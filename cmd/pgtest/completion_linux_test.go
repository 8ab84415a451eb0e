package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"pgtest/signals/ptytest"
)

// TestCompletion types the beginning of words and a tab into real shells. In the
// place of pgtest the shell then runs a function that shows the words.
func TestCompletion(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(pgtestPath)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	dir := writeModule(t, map[string]string{
		"somefile.xml":  "",
		"pkg/p_test.go": "package p\n\nfunc TestOne(t *testing.T) {}\nfunc BenchmarkOne(b *testing.B) {}\n",
	})
	for _, name := range ptytest.Shells {
		t.Run(name, func(t *testing.T) {
			sh := ptytest.StartShell(t, name, dir, "HOME="+t.TempDir(), "TMPDIR="+t.TempDir())
			for _, line := range map[string][]string{
				"bash": {"source <(pgtest tool completion bash)", `pgtest() { echo "ran: $*"; }`},
				"zsh": {"autoload -U compinit; compinit -u -D; source <(pgtest tool completion zsh)",
					`pgtest() { echo "ran: $*"; }`},
				"fish": {"pgtest tool completion fish | source", `function pgtest; echo "ran: $argv"; end`},
			}[name] {
				sh.Enter(line)
				sh.AwaitPrompt()
			}
			for _, tt := range [][2]string{
				{"--junitfile-p", "--junitfile-project-name"},
				{"./a -v --hide", "./a -v --hide-summary"},
				{"--leaks=f", "--leaks=fail"},
				{"--leaks f", "--leaks fail"},
				{"--junitfile=some", "--junitfile=somefile.xml"},
				{"--jsonfile some", "--jsonfile somefile.xml"},
				{"-coverm", "-covermode"},
				{"tool cac", "tool cache"},
				{"tool completion z", "tool completion zsh"},
				{"./a -args --hide", "./a -args --hide"},
				{"some", "somefile.xml"},
				{"./pk", "./pkg"},
				{"-v example.com/m/p", "-v example.com/m/pkg"},
				{"-mod=re", "-mod=readonly"},
				{"-covermode a", "-covermode atomic"},
				{"-coverprofile=some", "-coverprofile=somefile.xml"},
				{"./pkg -run TestO", "./pkg -run TestOne"},
				{"-bench=Ben", "-bench=BenchmarkOne"},
				{"--debug-test T", "--debug-test TestOne"},
				{"-run '^TestX$|^TestO", "-run ^TestX$|^TestOne$"},
				{"--tracer 'a b' -run T", "--tracer a b -run TestOne"},
			} {
				sh.Enter("pgtest " + tt[0] + "\t")
				sh.Expect("ran: " + regexp.QuoteMeta(tt[1]) + ` ?\r\n`)
				sh.AwaitPrompt()
			}
		})
	}
}
