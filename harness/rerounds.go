package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pattern"
	"pgtest/harness/internal/stopwatch"
	"pgtest/harness/override"
	"pgtest/harness/rerun"
	"pgtest/jsonstream/result"
)

// errEnding is why a round does not begin: the invocation was asked to end.
var errEnding = errors.New("the run is being ended")

// startNext starts the next source, of the present round or of another one that
// runs tests again. It reports false if there is none.
func (i *invocation) startNext(ctx context.Context) (bool, error) {
	if !i.cfg.reruns() {
		return false, nil
	}
	goOn := !i.signals.Ending() && i.feed.err == nil && i.plan.exitCode() >= 0
	if len(i.queue) > 0 && goOn {
		s := i.queue[0]
		i.queue = i.queue[1:]
		return i.startSource(s, nil)
	}
	var ended []result.PackageReport
	i.serveDuring(func() { ended = i.stream.EndRound() })
	i.rounds = append(i.rounds, ended)
	if err := i.cover.take(); err != nil || !goOn {
		return false, err
	}
	select {
	case <-i.enough:
		i.do(i.plan.enoughAtEnd())
		return false, nil
	default:
	}
	d := rerun.Next(i.rerunOptions(), i.rounds)
	if status := i.plan.exitCode(); status > 1 && !i.plan.source.runsGo() {
		d = rerun.Decision{Reasons: []string{fmt.Sprintf("no test is run again: %s ended with status %d", i.plan.source.name(), status)}}
	}
	for _, reason := range d.Reasons {
		i.do(i.plan.sayOnce("pgtest: " + i.cfg.whyRerun() + ": " + reason))
	}
	i.refused = d.Refused
	if len(d.Packages) == 0 {
		return false, nil
	}
	if d.Delay > 0 {
		i.do([]step{say(fmt.Sprintf("pgtest: tests that failed run again in %v", d.Delay))})
		i.wait(ctx, d.Delay)
	}
	i.noteBuild()
	sources, err := i.sources(d.Packages)
	if err != nil {
		return false, err
	}
	i.serveDuring(i.stream.NextRound)
	i.queue = sources[1:]
	selections := make(map[string]control.Selection)
	for _, p := range d.Packages {
		s := i.cfg.Parts[p.Path].of(p.Selection)
		s.Again, s.Alone = true, i.cfg.RerunAlone
		selections[p.Path] = s
	}
	return i.startSource(sources[0], selections)
}

// wait lets time pass, unless the invocation is to end.
func (i *invocation) wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer stopwatch.AfterFunc(d, cancel)()
	i.serveUntil(ctx.Done(), i.signals.Ending)
}

// reruns reports whether tests may run again.
func (cfg *Config) reruns() bool { return cfg.Rerun.Attempts > 0 || cfg.retries() }

// retries reports whether overrides let tests run again.
func (cfg *Config) retries() bool {
	return cfg.Input == nil && cfg.Stress == nil && slices.ContainsFunc(cfg.Overrides, func(r *override.Rule) bool { return r.Retries.Is > 0 })
}

// whyRerun names what lets tests run again.
func (cfg *Config) whyRerun() string {
	if cfg.Rerun.Attempts > 0 {
		return "--rerun-fails"
	}
	return "retries"
}

func (i *invocation) startSource(s source, selections map[string]control.Selection) (bool, error) {
	if i.signals.Ending() {
		return false, nil
	}
	i.plan.next(s, selections)
	feed, err := s.start(i)
	if err != nil {
		if i.signals.Ending() {
			err = nil
		}
		return false, err
	}
	i.feed = feed
	return true, nil
}

// whenAlone says which tests that failed pass in a process of their own, and
// which don't, "" if there are none. Tests with such subtests are left out.
func whenAlone(report result.Report) string {
	names := func(list func(result.PackageReport) []result.TestReport) string {
		var all []string
		for _, p := range report.Packages {
			for _, t := range list(p) {
				isParent := slices.ContainsFunc(list(p), func(sub result.TestReport) bool {
					return strings.HasPrefix(sub.Name, t.Name+"/")
				})
				if name := p.Path + " " + t.Name; !isParent && !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
		return strings.Join(all, ", ")
	}
	var parts []string
	if pass := names(func(p result.PackageReport) []result.TestReport { return p.Flaky }); pass != "" {
		parts = append(parts, "pass when alone: "+pass)
	}
	fails := func(p result.PackageReport) []result.TestReport {
		return slices.DeleteFunc(slices.Clone(p.Failed), func(t result.TestReport) bool { return t.Round == 0 })
	}
	if fail := names(fails); fail != "" {
		parts = append(parts, "fail when alone: "+fail)
	}
	if parts == nil {
		return ""
	}
	return "pgtest: --rerun-fails-isolated: " + strings.Join(parts, "; ")
}

// rerunOptions are the configured ones, with what the command line decides.
func (i *invocation) rerunOptions() rerun.Options {
	o := i.cfg.Rerun
	o.Runs, o.ByName = 1, len(i.cfg.Command) > 0
	if len(i.cfg.Overrides) > 0 {
		o.Of = func(pkg, test string) (int, time.Duration) {
			s := i.cfg.Overrides.Package(pkg)
			if test != "" {
				s = i.cfg.Overrides.Test(pkg, test)
			}
			return s.Retries.Or(o.Attempts), s.RetryDelay.Is
		}
	}
	if !o.ByName {
		set := gotest.Parse(i.cfg.Args).Settings()
		o.Runs, o.FailFast = set.Runs(), set.FailFast
	}
	return o
}

// sources returns what a round runs: go test for all packages, or a command for
// each test.
func (i *invocation) sources(packages []rerun.Package) ([]source, error) {
	if len(i.cfg.Command) == 0 {
		s, err := i.goAgain(packages)
		return []source{s}, err
	}
	var all []source
	for _, p := range packages {
		for _, test := range p.Only {
			s, err := i.newCommand("-test.run="+pattern.Exact(test), p.Path)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// goAgain returns a go test of packages whose supervisors ask for their tests.
// It neither reads nor writes go's cache of results, because go does not know
// what is left out.
func (i *invocation) goAgain(packages []rerun.Package) (source, error) {
	line := gotest.Parse(i.cfg.Args)
	set := line.Settings()
	var paths []string
	for _, p := range packages {
		paths = append(paths, p.Path)
	}
	if !slices.ContainsFunc(paths, isUnnamed) {
		line = line.WithPackages(paths[0], paths[1:]...)
	}
	if set.Count == "" {
		line = line.With("count", "1")
	}
	if file := i.cover.again(); file != "" {
		line = line.With("coverprofile", file)
	}
	if file := i.builds.again(); file != "" {
		line = line.With("debug-actiongraph", file)
	}
	opts := i.supervisorOptions()
	opts.Asks = true
	if i.cfg.RerunAlone {
		opts.Divided = true
	}
	return i.newGoTest(line.Words(), opts)
}

// isUnnamed reports whether a package can't be named on a command line by its
// path: it was given by its files, or has no import path.
func isUnnamed(path string) bool {
	return path == "command-line-arguments" || strings.HasPrefix(path, "_/")
}
