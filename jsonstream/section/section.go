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

// section gathers the notes of a type, and writes them after the stream.
type section[N result.Note] struct {
	sink.None
	out   io.Writer
	write func(io.Writer, []N)
	notes []N
}

func (s *section[N]) Note(n result.Note) {
	if n, ok := n.(N); ok {
		s.notes = append(s.notes, n)
	}
}

func (s *section[N]) Close(*result.Results) error {
	if len(s.notes) > 0 {
		s.write(s.out, s.notes)
	}
	return nil
}

// Resources writes a table of what the packages' processes used, the one that
// used most CPU time first.
func Resources(out io.Writer) sink.Sink {
	return &section[result.Usage]{out: out, write: writeResources}
}

func writeResources(out io.Writer, usages []result.Usage) {
	cpu := func(u result.Usage) time.Duration { return u.User + u.System }
	slices.SortStableFunc(usages, func(a, b result.Usage) int { return cmp.Compare(cpu(b), cpu(a)) })
	fmt.Fprintln(out, "\n=== Resources")
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "CPU\tuser\tsystem\telapsed\tpeak memory\t\tpackage")
	for _, u := range usages {
		atMost := ""
		if u.AtMost {
			atMost = "≤ "
		}
		fmt.Fprintf(table, "%.3fs\t%.3fs\t%.3fs\t%.3fs\t%s%.1f MiB\t\t%s\n", cpu(u).Seconds(), u.User.Seconds(),
			u.System.Seconds(), u.Elapsed.Seconds(), atMost, float64(u.PeakMemory)/(1<<20), u.Package)
	}
	table.Flush()
}

// Leaks lists the processes that packages' processes left behind.
func Leaks(out io.Writer) sink.Sink { return &section[result.Leaks]{out: out, write: writeLeaks} }

func writeLeaks(out io.Writer, packages []result.Leaks) {
	fmt.Fprintln(out, "\n=== "+color.MagentaString("Leaked processes"))
	for _, leaks := range packages {
		fmt.Fprintf(out, "=== %s: %s\n", color.MagentaString("LEAK"), leaks.Package)
		for _, line := range leaks.Lines() {
			fmt.Fprintln(out, "    "+line)
		}
	}
}

// Coverage writes what there is to say about coverage, where there is no summary.
func Coverage(out io.Writer) sink.Sink {
	return &section[result.Coverage]{out: out, write: func(out io.Writer, notes []result.Coverage) {
		for _, lines := range notes {
			io.WriteString(out, string(lines))
		}
	}}
}

// Stress says how often packages' tests were run.
func Stress(out io.Writer) sink.Sink { return &section[result.Stress]{out: out, write: writeStress} }

func writeStress(out io.Writer, packages []result.Stress) {
	fmt.Fprintln(out, "\n=== Stress")
	for _, stress := range packages {
		fmt.Fprintf(out, "%s: %v\n", stress.Package, stress)
		if stress.Kept != "" {
			fmt.Fprintln(out, "    to repeat it: "+stress.Kept)
		}
	}
}
