package harness

import (
	"pgtest/harness/internal/control"
	"pgtest/jsonstream/result"
)

// noteProcesses notes what each test binary used and left behind.
func (i *invocation) noteProcesses() {
	for _, p := range i.plan.records() {
		i.stream.Note(result.Usage{
			Package: p.Package, Elapsed: p.Elapsed, User: p.Resources.User, System: p.Resources.System,
			PeakMemory: p.Resources.MaxRSS, AtMost: p.Resources.AtMost,
		})
		if i.cfg.Leaks != IgnoreLeaks && len(p.Leaks) > 0 {
			i.stream.Note(result.Leaks{
				Package: p.Package, Leaks: resultLeaks(p.Leaks), More: p.MoreLeaks, Fail: i.cfg.Leaks == FailLeaks,
			})
		}
	}
}

func resultLeaks(leaks []control.Leak) []result.Leak {
	var all []result.Leak
	for _, l := range leaks {
		all = append(all, result.Leak{PID: l.PID, Test: l.Test, Command: l.Command, Escaped: l.Escaped, End: string(l.End), Alive: l.Alive})
	}
	return all
}
