package history

import (
	"io"
	"slices"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// maxSlow is how many slow tests a summary has.
const maxSlow = 50

// A Recorder writes a run to the history: it is what jsonstream.Options.History
// takes. It never fails and never waits for the disk for long; the first error is
// for Finish to return. Finish or Abort ends it.
type Recorder struct {
	sink.None
	w       *writer
	lines   testLines
	slow    *result.Slowest
	summary Summary
	record  *record // nil in memory
}

func newRecorder(out io.Writer) *Recorder {
	return &Recorder{w: newWriter(out), slow: result.NewSlowest(maxSlow)}
}

// Needs asks for tests that passed, and for what says why others did not.
func (r *Recorder) Needs() sink.Needs { return sink.Needs{Passed: true, Outputs: true} }

// Write takes lines of events.
func (r *Recorder) Write(p []byte) (int, error) {
	r.w.add(p)
	return len(p), nil
}

// TestEnded takes a test that passed. Why others did not is known at the end.
func (r *Recorder) TestEnded(t *result.Test) {
	if t.End() == result.Passed {
		r.add(t, result.Passed, "")
	}
}

func (r *Recorder) add(t *result.Test, end result.End, line string) {
	r.slow.Add(t)
	r.lines.add(Test{Package: t.Package.Path, Name: t.Name, Round: t.Package.Round, End: end, Elapsed: t.Elapsed, Line: line})
	if len(r.lines.text) > 64<<10 {
		r.putLines()
	}
}

func (r *Recorder) putLines() {
	r.w.addLines(r.lines.text)
	r.lines.text = r.lines.text[:0]
}

// Close takes the rest.
func (r *Recorder) Close(results *result.Results) error {
	reasons := make(map[string]string)
	for _, p := range results.Packages() {
		var death result.Death
		if p.End().Failed() {
			death = p.Death()
			if len(p.Failed) == 0 {
				reasons[p.Path] = death.Message
			}
		}
		for _, t := range p.Failed {
			end, line := t.Why(death)
			r.add(t, end, line)
		}
		for _, t := range slices.Concat(p.Skipped, p.Interrupted) {
			r.add(t, t.End(), "")
		}
	}
	r.putLines()
	report := results.Report()
	r.summary = Summary{
		Elapsed: report.Elapsed, Slow: r.slow.Tests(),
		Tests: report.Tests, FailedTests: report.FailedTests, SkippedTests: report.SkippedTests,
		InterruptedTests: report.InterruptedTests, FlakyTests: report.FlakyTests,
	}
	for _, p := range report.Packages {
		r.summary.Packages = append(r.summary.Packages, Package{
			Path: p.Path, End: p.End, Elapsed: p.Elapsed, Cached: p.Cached,
			Failed: names(p.Failed), Interrupted: names(p.Interrupted), Flaky: names(p.Flaky), Unreached: p.Unreached,
			Line: reasons[p.Path], Rest: !p.End.OK() && !p.Finished && len(p.Unreached) == 0,
		})
	}
	return nil
}

// names are those of tests, each once.
func names(tests []result.TestReport) []string {
	var all []string
	seen := make(map[string]bool)
	for _, t := range tests {
		if !seen[t.Name] {
			seen[t.Name] = true
			all = append(all, t.Name)
		}
	}
	return all
}

// Finish writes the end of the run, after the stream's. It returns lines for the
// user: why the run is not in the history, and what became of other runs whose
// files were not as they should be.
func (r *Recorder) Finish(outcome Outcome, exitCode int) []string {
	err := r.end(outcome, exitCode)
	if r.record == nil {
		return nil
	}
	lines := r.record.close(err == nil)
	if err != nil {
		lines = append(lines, "the run is not kept: "+reason(err).Error())
	}
	return lines
}

func (r *Recorder) end(outcome Outcome, exitCode int) error {
	r.summary.Outcome, r.summary.ExitCode = outcome, exitCode
	return r.w.finish(&r.summary)
}

// Abort drops the run.
func (r *Recorder) Abort() {
	r.w.finish(nil)
	if r.record != nil {
		r.record.close(false)
	}
}
