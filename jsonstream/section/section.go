// Package section writes the sections before the summary: what the run noted
// about packages, of which their events say nothing.
package section

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/fatih/color"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Resources writes a table of what the packages' processes used, the one that
// used most CPU time first.
type Resources struct {
	sink.None
	Out    io.Writer
	usages []result.Usage
}

func (r *Resources) Note(n result.Note) {
	if u, ok := n.(result.Usage); ok {
		r.usages = append(r.usages, u)
	}
}

func (r *Resources) Close(*result.Results) error {
	if len(r.usages) == 0 {
		return nil
	}
	cpu := func(u result.Usage) time.Duration { return u.User + u.System }
	slices.SortStableFunc(r.usages, func(a, b result.Usage) int { return cmp.Compare(cpu(b), cpu(a)) })
	fmt.Fprintln(r.Out, "\n=== Resources")
	table := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "CPU\tuser\tsystem\telapsed\tpeak memory\t\tpackage")
	for _, u := range r.usages {
		atMost := ""
		if u.AtMost {
			atMost = "≤ "
		}
		fmt.Fprintf(table, "%.3fs\t%.3fs\t%.3fs\t%.3fs\t%s%.1f MiB\t\t%s\n", cpu(u).Seconds(), u.User.Seconds(),
			u.System.Seconds(), u.Elapsed.Seconds(), atMost, float64(u.PeakMemory)/(1<<20), u.Package)
	}
	table.Flush()
	return nil
}

// Leaks lists the processes that packages' processes left behind.
type Leaks struct {
	sink.None
	Out   io.Writer
	leaks []result.Leaks
}

func (l *Leaks) Note(n result.Note) {
	if leaks, ok := n.(result.Leaks); ok {
		l.leaks = append(l.leaks, leaks)
	}
}

func (l *Leaks) Close(*result.Results) error {
	for i, leaks := range l.leaks {
		if i == 0 {
			fmt.Fprintln(l.Out, "\n=== "+color.MagentaString("Leaked processes"))
		}
		fmt.Fprintf(l.Out, "=== %s: %s\n", color.MagentaString("LEAK"), leaks.Package)
		for _, line := range leaks.Lines() {
			fmt.Fprintln(l.Out, "    "+line)
		}
	}
	return nil
}

// Stress says how often packages' tests were run.
type Stress struct {
	sink.None
	Out      io.Writer
	packages []result.Stress
}

func (s *Stress) Note(n result.Note) {
	if stress, ok := n.(result.Stress); ok {
		s.packages = append(s.packages, stress)
	}
}

func (s *Stress) Close(*result.Results) error {
	for i, stress := range s.packages {
		if i == 0 {
			fmt.Fprintln(s.Out, "\n=== Stress")
		}
		fmt.Fprintf(s.Out, "%s: %v\n", stress.Package, stress)
		if stress.Kept != "" {
			fmt.Fprintln(s.Out, "    to repeat it: "+stress.Kept)
		}
	}
	return nil
}
