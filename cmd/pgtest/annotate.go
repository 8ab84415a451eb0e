package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness"
	"pgtest/harness/steady"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

const (
	// annotator is the program that makes annotations of a Buildkite build.
	annotator = "buildkite-agent"
	// annotateLimit is longer than its five attempts take, with a moment for the
	// network.
	annotateLimit = 30 * time.Second
)

// annotate gives the summary of a run with something to see to Buildkite's agent.
// What becomes of that is no part of the result.
func annotate(control *signals.Control, files *files, report result.Report, leaked bool) {
	style := "error"
	switch {
	case files.annotation == nil || files.annotation.Len() == 0:
		return
	case report.FailedTests+report.InterruptedTests > 0 || !report.OK():
	case report.FlakyTests > 0 || leaked:
		style = "warning"
	default:
		return
	}
	say := func(err error) {
		fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: no annotation: %s: %v\n", annotator, err)
	}
	if _, err := exec.LookPath(annotator); err != nil {
		say(errors.New("not on PATH; --summaryfile writes the same to a file"))
		return
	}
	body, err := unnamed(files.annotation.Bytes())
	if err != nil {
		say(err)
		return
	}
	defer body.Close()
	// Each job of a build adds to the same annotation.
	p := harness.Program{
		What: "the annotation", Words: []string{annotator, "annotate", "--style", style, "--context", "pgtest", "--append"},
		Env: flags.WithoutOutputs(os.Environ()), Input: body, Limit: annotateLimit,
	}
	if err := harness.RunCommand(control, p); err != nil {
		say(err)
	}
}

// unnamed returns a file with a text, from its start on.
func unnamed(text []byte) (*os.File, error) {
	f, err := os.CreateTemp("", "pgtest-*")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	if _, err = f.Write(text); err == nil {
		_, err = f.Seek(0, 0)
	}
	return f, err
}
