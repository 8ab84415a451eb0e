package harness

import (
	"context"
	"slices"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/internal/pattern"
	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// endEarly ends the tests because too many have failed: with their grace, or at
// once.
func (i *invocation) endEarly() {
	steps, ends := i.plan.enough(i.signals.Grace())
	i.do(steps)
	if !ends {
		return
	}
	i.signals.Cancel(i)
	if i.cfg.MaxFails.Now {
		i.signals.Handle(signals.Event{Kind: signals.GraceOver}, i)
	}
}

// listPatience bounds how long the end of the run waits for go list.
const listPatience = 10 * time.Second

// noteUnreached notes which tests were to run, as far as go list and the sources
// tell.
func (i *invocation) noteUnreached() {
	source, runsGo := i.plan.source.(goTest)
	if !runsGo {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), listPatience)
	defer cancel()
	line := gotest.Parse(i.cfg.Args)
	packages, _ := sources.List(ctx, sources.Query{Go: source.cmd.Path, Dir: i.cfg.Dir, Env: i.environ(), Words: line.ListWords()})
	for _, p := range packages {
		tests, _ := p.Names(sources.Tests...)
		tests = slices.DeleteFunc(tests, func(name string) bool {
			return !pattern.Matches(line.Value("run"), name) || pattern.Skips(line.Value("skip"), name) ||
				!i.cfg.Parts[p.ImportPath].has(name)
		})
		if len(tests) > 0 {
			i.stream.Note(result.Unreached{Package: p.ImportPath, Tests: tests, Reason: i.cfg.MaxFails.String()})
		}
	}
}
