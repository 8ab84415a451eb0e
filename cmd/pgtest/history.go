package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/gotest"
	"pgtest/harness/history"
	"pgtest/harness/outfile"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// userHistory returns the history that a run in a directory belongs to; "" is the
// working directory.
func userHistory(dir string) (*history.Store, error) {
	if dir == "" {
		var err error
		if dir, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	return history.OfUser(dir, gotest.Env("GOWORK"))
}

// beginHistory starts recording a run. It returns nil if none is to be recorded,
// or if that can't be, which it says once.
func beginHistory(c *flags.CommandLine) *history.Recorder {
	if c.History == "off" || c.ReadsInput() && c.Merge == nil || c.Settings.List != "" {
		return nil
	}
	store, err := userHistory(c.Dir)
	if err == nil && c.Merge != nil {
		store.Elsewhere = &history.Tree{Commit: c.Merge.Commit}
	}
	var r *history.Recorder
	if err == nil {
		r, err = store.Begin(headerOf(c))
	}
	if err != nil {
		if firstTime("history-off-" + err.Error()) {
			fmt.Fprintf(os.Stderr, "pgtest: history off: %v\n", err)
		}
		return nil
	}
	return r
}

// goVariables can change what tests do, or which there are.
var goVariables = []string{"GOFLAGS", "GOOS", "GOARCH", "CGO_ENABLED", "GOEXPERIMENT", "GOTOOLCHAIN", "GOWORK"}

// headerOf says how a run is started.
func headerOf(c *flags.CommandLine) history.Header {
	wd, _ := os.Getwd()
	h := history.Header{
		Started: time.Now(), Command: os.Args[1:], Dir: wd, Env: make(map[string]string), Program: version(),
		Narrow: narrowedBy(c), FailFast: c.Settings.FailFast, Outstanding: c.Parts != nil, Dropped: c.Dropped,
	}
	if !c.RawCommand && c.Merge == nil {
		h.Patterns, h.GoDir, h.BuildFlags = c.Line.Packages(), cmp.Or(c.Dir, wd), c.Line.FileFlags()
		if len(h.Patterns) == 0 && c.Archived != nil {
			h.Patterns = []string{"all"}
		} else if len(h.Patterns) == 0 {
			h.Patterns = []string{"."}
		}
	}
	for _, name := range goVariables {
		if value := gotest.Env(name); value != "" {
			h.Env[name] = value
		}
	}
	for _, v := range flags.WithoutOutputs(os.Environ()) {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "PGTEST_") {
			h.Env[name] = value
		}
	}
	return h
}

// narrowedBy returns the flags that choose some of the tests.
func narrowedBy(c *flags.CommandLine) []string {
	var words []string
	for _, p := range c.Line.Parts() {
		if p.Kind == gotest.OwnFlag && slices.Contains([]string{"run", "skip", "short", "fuzz"}, strings.TrimPrefix(p.Name, "test.")) {
			words = append(words, p.Words...)
		}
	}
	if c.FuzzAll > 0 {
		words = append(words, "--fuzz-all")
	}
	if c.ShardPlan != "" || c.Shard.Total > 0 && c.Archived != nil && c.Archived.Plan != nil {
		words = append(words, fmt.Sprintf("--shard=%v", c.Shard)) // a plan may divide packages
	}
	return words
}

// keep completes the record of a run, if there is one.
func keep(control *signals.Control, r *history.Recorder, res harness.Result, status int) {
	if r == nil {
		return
	}
	control.After("the history", func() {
		if res.Report.Empty {
			r.Abort()
			return
		}
		outcome := history.Passed
		switch {
		case res.Interrupted && !res.TooManyFailed:
			outcome = history.Interrupted
		case status != 0:
			outcome = history.Failed
		}
		for _, line := range r.Finish(outcome, status) {
			fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: history: %s\n", line)
		}
	})
}

var errHistoryUsage = errors.New("usage: pgtest tool history [show run | export run file | import file | clean]")

// historyTool runs pgtest tool history.
func historyTool(w io.Writer, args []string) error {
	store, err := userHistory("")
	if err != nil {
		return fmt.Errorf("tool history: %w", err)
	}
	switch {
	case len(args) == 0:
		err = listRuns(w, store)
	case len(args) == 1 && args[0] == "clean":
		n := 0
		if n, err = store.Clean(); err == nil {
			_, err = fmt.Fprintf(w, "removed %s\n", plural.Count(n, "run", "runs"))
		}
	case len(args) <= 2 && args[0] == "show":
		var run *history.Run
		if run, err = findRun(store, slices.Concat(args[1:], []string{""})[0]); err == nil {
			err = showRun(w, run)
		}
	case len(args) == 3 && args[0] == "export":
		err = exportRun(store, args[1], args[2])
	case len(args) == 2 && args[0] == "import":
		err = importRun(w, store, args[1])
	default:
		return errHistoryUsage
	}
	if err != nil {
		return fmt.Errorf("tool history: %w", err)
	}
	return nil
}

// listRuns prints a line for each run, the newest first.
func listRuns(w io.Writer, store *history.Store) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	n := 0
	for run := range store.Runs() {
		if n++; n == 1 {
			fmt.Fprintf(t, "RUN\tSTARTED\tRESULT\tTESTS\tFAILED\tTIME\tCOMMIT\tCOMMAND\n")
		}
		tests, failed, took := "", "", ""
		if run.Outcome != history.Running {
			tests, failed, took = fmt.Sprint(run.Tests), fmt.Sprint(run.FailedTests), inSeconds(run.Elapsed)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", run.ID, run.Started.Local().Format(time.DateTime), outcomeOf(run),
			tests, failed, took, commitOf(run.Tree), commandOf(run))
	}
	if n == 0 {
		fmt.Fprintf(t, "no runs in %s\n", store.Dir())
	}
	return t.Flush()
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }

func outcomeOf(run *history.Run) string {
	text := string(run.Outcome)
	if run.Imported {
		text += ", imported"
	}
	return text
}

// commitOf names a tree, with + if there are changes.
func commitOf(t history.Tree) string {
	switch {
	case t.Commit == "":
		return "-"
	case t.Changes != "":
		return short(t.Commit) + "+"
	}
	return short(t.Commit)
}

func short(id string) string { return id[:min(len(id), 10)] }

// plainWord is one that a shell takes as it is.
var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./^-]+$`) })

// commandOf returns the command of a run as a shell would take it.
func commandOf(run *history.Run) string {
	words := []string{"pgtest"}
	for _, word := range run.Command {
		if !plainWord().MatchString(word) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// showRun prints all that is known of a run without its events.
func showRun(w io.Writer, run *history.Run) error {
	var text strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&text, "%-10s %s\n", name, value)
		}
	}
	line("run", run.ID)
	line("command", commandOf(run))
	line("directory", run.Dir)
	line("started", run.Started.Local().Format(time.RFC3339))
	line("result", outcomeOf(run))
	if run.Outcome != history.Running {
		line("status", fmt.Sprint(run.ExitCode))
		line("time", inSeconds(run.Elapsed))
		line("tests", fmt.Sprintf("%d, %d skipped, %d failed, %d interrupted, %d flaky", run.Tests, run.SkippedTests,
			run.FailedTests, run.InterruptedTests, run.FlakyTests))
		line("packages", fmt.Sprint(len(run.Packages)))
	}
	if run.Commit != "" {
		changes := ""
		if run.Changes != "" {
			changes = ", with changes " + short(run.Changes)
		}
		line("commit", run.Commit+changes)
	}
	line("pgtest", run.Program)
	var names []string
	for name := range run.Env {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		line("variable", name+"="+run.Env[name])
	}
	for _, p := range run.Packages {
		if p.End.Failed() && len(p.Failed) == 0 {
			fmt.Fprintf(&text, "%s: %s: %s\n", p.End, p.Path, p.Line)
		}
	}
	err := run.ReadTests(func(t history.Test) {
		if !t.End.OK() {
			why := t.Line
			if why != "" {
				why = ": " + why
			}
			fmt.Fprintf(&text, "%s: %s %s (%s)%s\n", t.End, t.Package, t.Name, inSeconds(t.Elapsed), why)
		}
	})
	for _, t := range run.Slow {
		fmt.Fprintf(&text, "slow: %s %s (%s)\n", t.Package, t.Test, inSeconds(t.Elapsed))
	}
	if _, writeErr := io.WriteString(w, text.String()); writeErr != nil {
		return writeErr
	}
	return err
}

// findRun finds a run by its name, "" for the last, or that of a file.
func findRun(store *history.Store, name string) (*history.Run, error) {
	if !isRunName(name) {
		f, err := openInput(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		run, err := history.OpenFile(f)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return run, err
	}
	return store.Find(cmp.Or(name, "last"))
}

var runName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(|last|-?[0-9]+)$`) })

func isRunName(name string) bool { return runName().MatchString(name) }

func exportRun(store *history.Store, name, path string) error {
	run, err := findRun(store, name)
	if err != nil {
		return err
	}
	if run.Outcome == history.Running {
		return fmt.Errorf("run %s goes on", run.ID)
	}
	file, err := outfile.CreateWhole(path)
	if err != nil {
		return err
	}
	if err := run.Export(file); err != nil {
		file.Abort()
		return err
	}
	return file.Commit()
}

func importRun(w io.Writer, store *history.Store, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	id, err := store.Import(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = fmt.Fprintf(w, "%s is run %s\n", path, id)
	return err
}

// replay shows a run of the history as a run with the same flags that reads its
// events.
func replay(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	// A word such as -2 looks like a flag.
	const sign = "\x00"
	args = slices.Clone(args)
	for i, word := range args {
		if isRunName(word) && strings.HasPrefix(word, "-") {
			args[i] = sign + word
		}
	}
	c, names, err := flags.ParseReport("replay", args, 1, "usage: pgtest tool replay [flags] [run or file]")
	if err != nil {
		return usageStatus, err
	}
	if c.Help {
		return 0, flags.Help(steady.Writer(os.Stdout), gotestsum)
	}
	store, err := userHistory("")
	if err != nil {
		return usageStatus, fmt.Errorf("tool replay: %w", err)
	}
	saved, err := findRun(store, strings.TrimPrefix(slices.Concat(names, []string{""})[0], sign))
	if err == nil {
		c.Input, err = eventsOf(saved)
	}
	if err != nil {
		return usageStatus, fmt.Errorf("tool replay: %w", err)
	}
	if c, err = c.Fit(check); err != nil {
		return usageStatus, err
	}
	return run(c)
}

// eventsOf returns the events of a run.
func eventsOf(run *history.Run) (flags.Input, error) {
	events, err := run.Events()
	return input{events, "run " + run.ID}, err
}
