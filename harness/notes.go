package harness

import (
	"pgtest/harness/control"
	"pgtest/jsonstream/result"
)

// noteProcesses notes what each test binary used and left behind.
func (r *run) noteProcesses() {
	for _, p := range r.processes() {
		r.stream.Note(result.Usage{
			Package: p.Package, Elapsed: p.Elapsed, User: p.Resources.User, System: p.Resources.System,
			PeakMemory: p.Resources.MaxRSS, AtMost: p.Resources.AtMost,
		})
		if r.cfg.Leaks != IgnoreLeaks && len(p.Leaks) > 0 {
			r.stream.Note(result.Leaks{
				Package: p.Package, Leaks: resultLeaks(p.Leaks), More: p.MoreLeaks, Fail: r.cfg.Leaks == FailLeaks,
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

// processes returns the records of the test binaries that ran or should have.
func (r *run) processes() []Process {
	var processes []Process
	for _, s := range r.supervisors {
		if s.process.Package != "" {
			processes = append(processes, s.process)
		}
	}
	return processes
}
