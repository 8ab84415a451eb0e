package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/history"
	"pgtest/harness/plural"
)

// flakyTool prints the tests that both passed and failed with the same source
// files. With --write among the words it puts them into quarantine instead.
func flakyTool(w io.Writer, args []string, now time.Time) error {
	tests, err := flakyTests()
	if err != nil {
		return fmt.Errorf("tool flaky: %w", err)
	}
	if len(tests) == 0 {
		_, err := fmt.Fprintln(w, "no test both passed and failed at the same commit")
		return err
	}
	if len(args) > 0 {
		return quarantineFlaky(w, tests, now)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "FAILED\tSINCE\tCOMMITS\tTEST\tWHY\n")
	for _, f := range tests {
		fmt.Fprintf(t, "%d of %d\t%s\t%d\t%s %s\t%s\n", f.Failures, f.Runs, f.Since.Local().Format(time.DateTime), f.Trees, f.Package, f.Name, f.Line)
	}
	return t.Flush()
}

func flakyTests() ([]history.FlakyTest, error) {
	store, err := userHistory("")
	if err != nil {
		return nil, err
	}
	return history.Flaky(store.Runs())
}

// quarantineTime is for how long flaky tests are put into quarantine.
const quarantineTime = 30 * 24 * time.Hour

// quarantineFlaky adds the tests to pgtest.toml that are in no quarantine there, and
// says which.
func quarantineFlaky(w io.Writer, tests []history.FlakyTest, now time.Time) error {
	file, err := flags.OpenProject()
	if err != nil {
		return err
	}
	until := now.Add(quarantineTime).Format(time.DateOnly)
	var added, lines []string
	for _, t := range tests {
		name := t.Package + " " + t.Name
		known, err := file.Quarantine(t.Package, t.Name)
		switch {
		case err != nil:
			lines = append(lines, fmt.Sprintf("not added: %s: %v", name, err))
		case known != "":
			lines = append(lines, fmt.Sprintf("already there: %s: %s", name, known))
		default:
			reason := fmt.Sprintf("flaky: failed %d of %s", t.Failures, plural.Count(t.Runs, "time", "times"))
			if t.Line != "" {
				reason += ": " + t.Line
			}
			file.AddQuarantine(t.Package, t.Name, until+" "+strings.Join(strings.Fields(reason), " "))
			added = append(added, "added: "+name)
		}
	}
	if err := file.Write(); err != nil {
		return err
	}
	if len(added) > 0 {
		added = append(added, fmt.Sprintf("%s: %s in quarantine until %s", file.Path, plural.Count(len(added), "test is", "tests are"), until))
	}
	_, err = fmt.Fprintln(w, strings.Join(slices.Concat(lines, added), "\n"))
	return err
}
