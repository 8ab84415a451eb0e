package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v4"

	"pgtest/harness/harnesstest"
)

// TestScaleDocs runs the commands of the set-ups in docs/scale.md in a shell, with
// the variables of their place: all shards, then what merges them.
func TestScaleDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	setups := make(map[string]string) // by their first line
	for _, m := range regexp.MustCompile("(?s)```(?:yaml|sh)\n(.*?)\n(.*?)```").FindAllSubmatch(text, -1) {
		setups[strings.TrimLeft(string(m[1]), "#! ")] = string(m[2])
	}
	dir, work := t.TempDir(), filepath.Join(t.TempDir(), "m")
	if err := harnesstest.WriteModule(dir, map[string]string{
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { t.Fail() }\n",
		"c/c_test.go": "package c\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {}\n",
	}); err != nil {
		t.Fatal(err)
	}
	type places = func(i int) []string
	counted := func(index, total string, first int) places {
		return func(i int) []string { return []string{fmt.Sprintf("%s=%d", index, i+first), total + "=4"} }
	}
	for _, tt := range []struct {
		file string
		env  places // of the shards from 0 to 3
	}{
		{".github/workflows/test.yml", func(i int) []string { return []string{fmt.Sprintf("MATRIX_SHARD=%d", i+1)} }},
		{".github/workflows/archive.yml", func(i int) []string { return []string{fmt.Sprintf("MATRIX_SHARD=%d", i+1)} }},
		{".gitlab-ci.yml", counted("CI_NODE_INDEX", "CI_NODE_TOTAL", 1)},
		{".circleci/config.yml", counted("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0)},
		{".buildkite/pipeline.yml", counted("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0)},
		{"job.yaml", func(i int) []string { return []string{fmt.Sprintf("JOB_COMPLETION_INDEX=%d", i), "RESULTS=."} }},
		{"/bin/sh", func(i int) []string {
			return []string{fmt.Sprintf("SLURM_ARRAY_TASK_ID=%d", i), "SLURM_ARRAY_TASK_MIN=0", "SLURM_ARRAY_TASK_MAX=3",
				"SLURM_ARRAY_TASK_STEP=1", "SLURM_ARRAY_TASK_COUNT=4"}
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			setup, known := setups[tt.file]
			if !known {
				t.Fatalf("no set-up among %d", len(setups))
			}
			commands := commandsOf(t, tt.file, setup)
			shard := slices.IndexFunc(commands, func(c string) bool { return strings.Contains(c, "--shard=") })
			merge := slices.IndexFunc(commands, func(c string) bool { return strings.Contains(c, "tool merge") })
			if merge < 0 { // it stands outside
				commands, merge = append(commands, "pgtest tool merge --junitfile=junit.xml events-*.json"), len(commands)
			}
			// The same directory for all, so that each package is linked once.
			if err := errors.Join(os.RemoveAll(work), os.CopyFS(work, os.DirFS(dir))); err != nil {
				t.Fatal(err)
			}
			run := func(command string, env []string) (string, int) {
				cmd := exec.Command("sh", "-c", command)
				cmd.Dir = work
				cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(pgtestPath)+string(filepath.ListSeparator)+os.Getenv("PATH"), "PGTEST_CI=off")
				cmd.Env = append(cmd.Env, env...)
				out, _ := cmd.CombinedOutput()
				return string(out), cmd.ProcessState.ExitCode()
			}
			if archive := slices.IndexFunc(commands, func(c string) bool { return strings.Contains(c, "tool archive") }); archive >= 0 {
				if out, status := run(commands[archive], nil); status != 0 {
					t.Errorf("archive: status %d:\n%s", status, out)
				}
			}
			for i := range 4 {
				if out, status := run(commands[shard], tt.env(i)); status > 1 {
					t.Errorf("shard %d: status %d:\n%s", i, status, out)
				}
			}
			out, status := run(commands[merge], nil)
			if status != 1 || !strings.Contains(out, "DONE 3 tests, 1 failure") {
				t.Errorf("status %d:\n%s", status, out)
			}
			if found, _ := filepath.Glob(filepath.Join(work, "junit*")); len(found) == 0 {
				t.Error("no JUnit report")
			}
		})
	}
}

// commandsOf returns the shell commands of a set-up that start pgtest.
func commandsOf(t *testing.T, file, setup string) []string {
	if file == "/bin/sh" {
		return []string{setup}
	}
	if strings.HasPrefix(file, ".github") {
		linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		faults, err := linter.Lint(file, []byte(setup), nil)
		if err != nil || len(faults) > 0 {
			t.Errorf("%v, %v", err, faults)
		}
		setup = strings.NewReplacer("${{ matrix.shard }}", "$MATRIX_SHARD", "${{ strategy.job-total }}", "4").Replace(setup)
	}
	setup = strings.ReplaceAll(setup, "$$", "$")
	var commands []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "pgtest ") {
			commands = append(commands, n.Value)
		}
		for _, below := range n.Content {
			walk(below)
		}
	}
	for d := yaml.NewDecoder(bytes.NewReader([]byte(setup))); ; {
		var n yaml.Node
		if err := d.Decode(&n); err == io.EOF {
			return commands
		} else if err != nil {
			t.Fatal(err)
		}
		walk(&n)
	}
}
