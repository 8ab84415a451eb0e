package flags

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/linkcache"
	"pgtest/jsonstream/format"
	"pgtest/signals"
)

var update = flag.Bool("update", false, "write docs/flags.md anew")

// TestEverywhere wants each flag in the help, in what shells complete, in the docs
// and, but for those that ask for something other than one run, in the environment.
func TestEverywhere(t *testing.T) {
	var help bytes.Buffer
	if err := Help(&help, false); err != nil {
		t.Fatal(err)
	}
	docs := readDocs(t)
	for _, r := range newSet(new(Options)).rows {
		word := "--" + r.Name
		if !regexp.MustCompile(`(?m)^  (-h, |--[a-z-]+ [a-z]+, |--[a-z-]+, )?` + word + `( |,|\[|$)`).MatchString(help.String()) {
			t.Errorf("%s is not in the help", word)
		}
		completed := slices.ContainsFunc(Complete([]string{"./a", word}), func(c string) bool {
			name, text, _ := strings.Cut(c, "\t")
			return name == word && text != ""
		})
		if !completed {
			t.Errorf("%s is not completed, or without saying what it does", word)
		}
		if !strings.Contains(docs, "| "+code(r.head())+" | "+code(r.Variable())+" |") {
			t.Errorf("%s and its variable are not in docs/flags.md", word)
		}
		if want := !slices.Contains([]string{"help", "version", "watch", "debug-test", "failed", "fuzz-all"}, r.Name) && !r.alias; (r.Variable() != "") != want {
			t.Errorf("%s has the variable %q", word, r.Variable())
		}
	}
}

// TestBadValues wants a line that names the flag or the variable for each value
// that is none. Some flags take any.
func TestBadValues(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	const bad = "no such\nvalue"
	for _, r := range newSet(new(Options)).rows {
		want := !slices.Contains([]string{
			"jsonfile", "jsonfile-timing-events", "junitfile", "junitfile-project-name", "packages", "post-run-command",
			"rerun-fails-report", "report", "summaryfile", "timeline", "coverage-cobertura", "coverage-lcov", "coverage-diff", "shard-plan",
			"debug-test", "tracer", "archive", "changed",
		}, r.Name)
		_, err := Parse([]string{"--" + r.Name + "=" + bad}, false)
		if !isLineOf(err, "--"+r.Name, want) {
			t.Errorf("--%s with a bad value: %v", r.Name, err)
		}
		if r.Variable() == "" {
			continue
		}
		os.Setenv(r.Variable(), bad)
		_, err = Parse(nil, false)
		os.Unsetenv(r.Variable())
		if !isLineOf(err, r.Variable(), want) {
			t.Errorf("%s with a bad value: %v", r.Variable(), err)
		}
	}
}

// isLineOf says whether an error, if there must be one, is a line about a name.
func isLineOf(err error, name string, must bool) bool {
	if !must || err == nil {
		return !must && err == nil
	}
	return strings.HasPrefix(err.Error(), name+": ") && !strings.Contains(err.Error(), "\n")
}

// TestValues wants what the table says of values to be so.
func TestValues(t *testing.T) {
	o := new(Options)
	set := newSet(o)
	if o.SlowAfter != time.Minute || o.Grace != signals.DefaultGrace || o.LinkCacheSize != linkcache.DefaultMaxSize || !o.LinkCache {
		t.Errorf("defaults: %+v", o)
	}
	for _, r := range set.rows {
		for _, value := range append(r.values, r.Default) {
			if err := r.set(value); err != nil && value != "" && value != "test:" {
				t.Errorf("--%s=%s: %v", r.Name, value, err)
			}
		}
	}
	var formats []string
	for _, g := range table(o) {
		for _, r := range g.Rows {
			if g.Title == "Formats" {
				formats = append(formats, r.Name)
			}
		}
	}
	if want := format.Names(); !slices.Equal(formats, want) {
		t.Errorf("formats are %q, want %q", formats, want)
	}
}

// TestDocs compares docs/flags.md with the table. With -update it writes it.
func TestDocs(t *testing.T) {
	var want strings.Builder
	want.WriteString(`# The flags of pgtest

All other words are go test's. A flag can be set in the environment, too, and the
command line wins over it. An empty variable is as good as none. A test binary
does not see the variables that name files.
`)
	for _, g := range table(new(Options)) {
		if g.Title != "" {
			fmt.Fprintf(&want, "\n## %s\n\n| | variable | default | |\n| --- | --- | --- | --- |\n", g.Title)
		}
		text := ""
		rows := slices.Clone(g.Rows)
		for i, r := range slices.Backward(rows) {
			if r.Text != "" {
				text = r.text()
			}
			rows[i].Text = text
		}
		for _, r := range rows {
			fmt.Fprintf(&want, "| %s | %s | %s | %s |\n", code(r.head()), code(r.Variable()), code(r.Default), escape(r.text()))
		}
	}
	if *update {
		if err := os.WriteFile(docsPath, []byte(want.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got := readDocs(t); got != want.String() {
		t.Error("docs/flags.md is not what the table says: write it with go test -run TestDocs -update")
	}
}

var docsPath = filepath.Join("..", "..", "..", "..", "docs", "flags.md")

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docsPath)
	if err != nil && !*update {
		t.Fatal(err)
	}
	return string(text)
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + escape(s) + "`"
}

func escape(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ", "<", `\<`).Replace(s) }

// TestVariablesInDocs wants each variable that a document names to be one.
func TestVariablesInDocs(t *testing.T) {
	known := map[string]bool{"": true}
	for _, r := range newSet(new(Options)).rows {
		known[r.Variable()] = true
	}
	documents, err := filepath.Glob(filepath.Join(filepath.Dir(docsPath), "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(documents, filepath.Join(filepath.Dir(docsPath), "..", "README.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\bPGTEST_[A-Z_]+`).FindAllString(string(text), -1) {
			if !known[name] && !isTestVariable(name) {
				t.Errorf("%s: no variable %s", path, name)
			}
		}
	}
}

// TestMisspeltVariables wants a line for each variable that resembles one of ours.
func TestMisspeltVariables(t *testing.T) {
	for name, want := range map[string]string{
		"PGTEST_FORMATT": "PGTEST_FORMAT", "PGTEST_JUNIT_FILE": "PGTEST_JUNITFILE", "PGTEST_Leaks": "PGTEST_LEAKS",
		"PGTEST_SLOWAFTER": "PGTEST_SLOW_AFTER", "PGTEST_LINK_CASH": "PGTEST_LINK_CACHE",
		"PGTEST_FORMAT": "", "PGTEST_HELP": "", "PGTEST_VERSIONS": "", "PGTEST_LONG": "", "PGTEST_": "", "PGTEST": "",
		"PGTEST_SLOT": "", "PGTEST_ENV": "", "_PGTEST_RUN": "", "_PGTEST_GOTMPDIR": "", "XPGTEST_FORMATT": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "x")
			var out strings.Builder
			new(CommandLine).SayMisspelt(&out)
			line := fmt.Sprintf("pgtest: %s is no variable of pgtest; did you mean %s?\n", name, want)
			if got := out.String(); strings.Contains(got, name+" ") != (want != "") || want != "" && !strings.Contains(got, line) {
				t.Errorf("%q, want %q", got, want)
			}
			t.Setenv(name, "")
			out.Reset()
			if new(CommandLine).SayMisspelt(&out); strings.Contains(out.String(), name+" ") {
				t.Errorf("empty: %q", out.String())
			}
		})
	}
}

// TestFlagNames checks that no flag of ours has the name of one of go test, go
// build or go vet. One that had would take it away from every command line.
// TestGoTestFlags of package gotest checks that it knows all of the first two.
func TestFlagNames(t *testing.T) {
	vet := vetFlags(t)
	for _, r := range newSet(new(Options)).rows {
		if boolean, known := gotest.KnowsFlag(r.Name); known {
			t.Errorf("--%s is a flag of go test (boolean: %t)", r.Name, boolean)
		}
		if slices.Contains(vet, r.Name) {
			t.Errorf("--%s is a flag of the go command", r.Name)
		}
	}
}

// vetFlags returns the names of go vet's flags.
func vetFlags(t *testing.T) []string {
	var flags []struct{ Name string }
	out, err := exec.Command("go", "tool", "vet", "-flags").Output()
	if err == nil {
		err = json.Unmarshal(out, &flags)
	}
	if err != nil {
		t.Fatalf("go tool vet -flags: %v: %s", err, out)
	}
	names := []string{"vettool", "fix", "diff"} // the go command's own
	for _, f := range flags {
		names = append(names, f.Name)
	}
	if !slices.Contains(names, "printf") {
		t.Fatalf("not the flags of vet: %q", names)
	}
	return names
}
