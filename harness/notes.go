package harness

import (
	"slices"

	"pgtest/harness/internal/control"
	"pgtest/jsonstream/result"
)

// noteProcesses notes what each package's test binaries used and left behind, in
// all rounds together.
func (i *invocation) noteProcesses() {
	for _, p := range byPackage(i.plan.records()) {
		i.stream.Note(result.Usage{
			Package: p.Package, Elapsed: p.Elapsed, User: p.Resources.User, System: p.Resources.System,
			PeakMemory: p.Resources.MaxRSS, AtMost: p.Resources.AtMost,
		})
		if leaks := i.cfg.leaksOf(p.Package); leaks != IgnoreLeaks && len(p.Leaks) > 0 {
			i.stream.Note(result.Leaks{
				Package: p.Package, Leaks: resultLeaks(p.Leaks), More: p.MoreLeaks, Fail: leaks == FailLeaks,
			})
		}
	}
}

// leaksOf returns what leaked processes of a package mean.
func (cfg *Config) leaksOf(pkg string) LeakPolicy {
	return cfg.Overrides.Package(pkg).Leaks.Or(cfg.Leaks)
}

// byPackage adds up the records of each package, in the order of its first.
func byPackage(records []Process) []Process {
	var all []Process
	for _, p := range records {
		at := slices.IndexFunc(all, func(q Process) bool { return q.Package == p.Package })
		if at < 0 {
			all = append(all, p)
			continue
		}
		sum := &all[at]
		sum.Elapsed += p.Elapsed
		sum.Resources.User += p.Resources.User
		sum.Resources.System += p.Resources.System
		if p.Resources.MaxRSS > sum.Resources.MaxRSS {
			sum.Resources.MaxRSS, sum.Resources.AtMost = p.Resources.MaxRSS, p.Resources.AtMost
		}
		sum.Leaks = append(slices.Clip(sum.Leaks), p.Leaks...)
		sum.MoreLeaks += p.MoreLeaks
	}
	return all
}

func resultLeaks(leaks []control.Leak) []result.Leak {
	var all []result.Leak
	for _, l := range leaks {
		all = append(all, result.Leak{PID: l.PID, Test: l.Test, Command: l.Command, Escaped: l.Escaped, End: string(l.End), Alive: l.Alive})
	}
	return all
}
