package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// histories runs pgtest in a module with a history of its own.
type histories struct {
	t                *testing.T
	dir, state, temp string
	env              []string
}

func newHistories(t *testing.T) *histories {
	dir := writeModule(t, map[string]string{"a_test.go": `package a

import "testing"

func TestGood(t *testing.T) { t.Log("good") }
func TestOther(t *testing.T) {}
`, "events.json": filesEvents})
	h := &histories{t: t, dir: dir, state: t.TempDir(), temp: t.TempDir()}
	h.env = append(os.Environ(), "XDG_STATE_HOME="+h.state, "TMPDIR="+h.temp, "PGTEST_FORMAT=none")
	return h
}

func (h *histories) command(env string, words ...string) *exec.Cmd {
	cmd := exec.Command(pgtestPath, words...)
	cmd.Dir, cmd.Env = h.dir, append(h.env, env)
	return cmd
}

// run runs pgtest to its end, and returns what it said on stderr.
func (h *histories) run(words ...string) string {
	h.t.Helper()
	cmd := h.command("", words...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	if err := cmd.Run(); err != nil {
		h.t.Errorf("pgtest %q: %v: %s", words, err, errors.Bytes())
	}
	return errors.String()
}

// list returns the numbers and outcomes of the runs that pgtest lists, the oldest
// first.
func (h *histories) list() []string {
	h.t.Helper()
	out, err := h.command("", "tool", "history").Output()
	if err != nil {
		h.t.Fatal(err)
	}
	var runs []string
	for _, m := range regexp.MustCompile(`(?m)^(\d+) +\S+ \S+ +(\S+)`).FindAllStringSubmatch(string(out), -1) {
		runs = append([]string{m[1] + " " + m[2]}, runs...)
	}
	return runs
}

// historyTrials is how many runs TestKilledRuns kills; PGTEST_DEATH_TRIALS
// overrides it.
const historyTrials = 12

// TestKilledRuns kills runs at any time. Each of them is in the history as far as
// it came, and the next run says so in one line, if nobody has looked before it.
func TestKilledRuns(t *testing.T) {
	trials := historyTrials
	if n, err := strconv.Atoi(os.Getenv("PGTEST_DEATH_TRIALS")); err == nil {
		trials = n
	}
	h := newHistories(t)
	h.run("-count=1", ".")
	start := time.Now()
	h.run("-count=1", ".")
	length := time.Since(start)
	said := regexp.MustCompile(`^(|pgtest: history: a run was killed, and is kept as far as it came: (\d+)\n)$`)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	outcomes := make(map[string]int)
	before := h.list()
	for i := range trials {
		words, within := []string{"-count=1", "."}, length
		if i%4 > 0 { // a run whose events never end
			words, within = []string{"--raw-command", "sh", "-c", "while cat events.json; do :; done"}, 300*time.Millisecond
		}
		after := time.Duration(r.Int64N(int64(within)))
		mark := harnesstest.Mark(t.Name() + fmt.Sprint(i))
		run := h.command(mark, words...)
		var out bytes.Buffer
		run.Stdout, run.Stderr = &out, &out
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		run.Process.Kill()
		run.Wait()
		where := fmt.Sprintf("seed %d, %d: %q, killed after %v", seed, i, words, after)
		awaitGone(t, mark, func() string { return where })

		looked := i%2 == 0
		var listed []string
		if looked {
			listed = h.list()
		}
		errors := h.run("--raw-command", "cat", "events.json")
		line := said.FindStringSubmatch(errors)
		if line == nil || looked && errors != "" {
			t.Fatalf("%s: the next run says %q", where, errors)
		}
		all := h.list()
		if looked && !slices.Equal(all[:len(all)-1], listed) {
			t.Errorf("%s: %q becomes %q", where, listed, all)
		}
		added := all[len(before):]
		outcome := "nothing"
		if len(added) == 2 {
			_, outcome, _ = strings.Cut(added[0], " ")
		}
		outcomes[outcome]++
		ok := slices.Equal(all[:len(before)], before) && strings.HasSuffix(all[len(all)-1], " passed") && len(added) <= 2
		switch {
		case outcome == "killed" && !looked:
			ok = ok && added[0] == line[2]+" killed"
		case outcome != "nothing" && outcome != "killed" && outcome != "passed":
			ok = false
		default:
			ok = ok && errors == ""
		}
		if !ok {
			t.Errorf("%s: before it %q, then %q; the next run says %q", where, before, all, errors)
		}
		before = all
	}
	t.Logf("seed %d: %v", seed, outcomes)
	if left := filesBelow(h.temp); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestRunsSideBySide begins twenty runs at once where the history is nearly full.
// All are recorded, and it has no more than it may.
func TestRunsSideBySide(t *testing.T) {
	h := newHistories(t)
	h.run(".") // so that the others find its result
	files, err := filepath.Glob(filepath.Join(h.state, "pgtest", "history", "*", "1.pgtest"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	run, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	const limit, runs = 200, 20
	for n := 2; n <= limit; n++ {
		// No links, which would all be locked where one is.
		if err := os.WriteFile(filepath.Join(filepath.Dir(files[0]), fmt.Sprintf("%d.pgtest", n)), run, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var all []*exec.Cmd
	var out [runs]bytes.Buffer
	for i := range runs {
		cmd := h.command("", ".")
		cmd.Stdout, cmd.Stderr = &out[i], &out[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for i, cmd := range all {
		if err := cmd.Wait(); err != nil || strings.Contains(out[i].String(), "pgtest:") {
			t.Errorf("%v: %s", err, out[i].String())
		}
	}
	got := h.list()
	if len(got) > limit || len(got) < limit-runs {
		t.Errorf("%d runs", len(got))
	}
	for i, run := range got[max(0, len(got)-runs):] {
		if want := fmt.Sprintf("%d passed", limit+1+i); run != want {
			t.Errorf("%s, want %s", run, want)
		}
	}
}
