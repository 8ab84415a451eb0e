package control

import "pgtest/harness/internal/proc"

// LeaksOf describes the first MaxLeaks of left, the processes that a process of
// the given group left behind.
func LeaksOf(left []proc.Leftover, group int) []Leak {
	var leaks []Leak
	for _, l := range left[:min(len(left), MaxLeaks)] {
		leak := Leak{PID: l.PID, Command: l.Command, Escaped: l.Group != group, Alive: l.Alive}
		switch {
		case l.Alive != "":
		case l.Killed:
			leak.End = EndedByKill
		default:
			leak.End = EndedByTerm
		}
		leaks = append(leaks, leak)
	}
	return leaks
}
