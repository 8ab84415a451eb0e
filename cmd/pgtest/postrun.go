package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/steady"
	"pgtest/signals"
)

// postRun runs the command of --post-run-command, if there is one, after a run
// with its result and exit status. It comes when the files are complete. The
// signals that control catches end it.
func postRun(c *flags.CommandLine, control *signals.Control, result harness.Result, status int) error {
	if len(c.PostRun) == 0 {
		return nil
	}
	if c.Debug {
		fmt.Fprintf(steady.Writer(os.Stderr), "exec: %s\n", c.PostRun)
	}
	facts := facts(c, result, status)
	env := slices.DeleteFunc(flags.WithoutOutputs(os.Environ()), func(v string) bool {
		return slices.ContainsFunc(facts, func(fact string) bool {
			name, _, _ := strings.Cut(fact, "=")
			return strings.HasPrefix(v, name+"=")
		})
	})
	if err := harness.RunCommand(control, harness.Program{What: "the post-run command", Words: c.PostRun, Env: append(env, facts...)}); err != nil {
		return fmt.Errorf("post run command failed: %w", err)
	}
	return nil
}

// facts are the variables that tell the command what came of the run: those of
// gotestsum, and more.
func facts(c *flags.CommandLine, result harness.Result, status int) []string {
	report, reason := result.Report, ""
	if result.Interrupted {
		reason = "interrupted"
	}
	return []string{
		"GOTESTSUM_FORMAT=" + cmp.Or(c.Format, "pkgname"),
		"GOTESTSUM_JSONFILE=" + c.JSONFile,
		"GOTESTSUM_JSONFILE_TIMING_EVENTS=" + c.TimingFile,
		"GOTESTSUM_JUNITFILE=" + c.JUnit.Path,
		fmt.Sprintf("GOTESTSUM_ELAPSED=%.3fs", report.Elapsed.Seconds()),
		fmt.Sprintf("TESTS_TOTAL=%d", report.Tests),
		fmt.Sprintf("TESTS_FAILED=%d", report.FailedTests),
		fmt.Sprintf("TESTS_SKIPPED=%d", report.SkippedTests),
		fmt.Sprintf("TESTS_ERRORS=%d", report.Errors),
		fmt.Sprintf("TESTS_INTERRUPTED=%d", report.InterruptedTests),
		fmt.Sprintf("TESTS_FLAKY=%d", report.FlakyTests),
		fmt.Sprintf("TESTS_STATUS=%d", status),
		"TESTS_END=" + cmp.Or(reason, end(status)),
	}
}

func end(status int) string {
	if status == 0 {
		return "passed"
	}
	return "failed"
}
