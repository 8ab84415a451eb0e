package harness

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/fatih/color"

	"pgtest/harness/control"
	"pgtest/harness/plural"
	"pgtest/jsonstream"
	"pgtest/jsonstream/junit"
)

// writeSections writes what the run itself has to say before the summary.
func (r *run) writeSections(w io.Writer) {
	if r.cfg.ShowResources {
		writeResources(w, r.processes())
	}
	if r.cfg.Leaks != IgnoreLeaks {
		writeLeaks(w, r.processes())
	}
}

// writeResources writes a table of what the test binaries used, the one that
// used most CPU time first.
func writeResources(w io.Writer, processes []Process) {
	if len(processes) == 0 {
		return
	}
	cpu := func(p Process) time.Duration { return p.Resources.User + p.Resources.System }
	processes = slices.Clone(processes)
	slices.SortStableFunc(processes, func(a, b Process) int { return cmp.Compare(cpu(b), cpu(a)) })
	fmt.Fprintln(w, "\n=== Resources")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "CPU\tuser\tsystem\telapsed\tpeak memory\t\tpackage")
	for _, p := range processes {
		atMost := ""
		if p.Resources.AtMost {
			atMost = "≤ "
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s%.1f MiB\t\t%s\n", seconds(cpu(p)), seconds(p.Resources.User),
			seconds(p.Resources.System), seconds(p.Elapsed), atMost, float64(p.Resources.MaxRSS)/(1<<20), p.Package)
	}
	table.Flush()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// writeLeaks lists the processes that test binaries left behind.
func writeLeaks(w io.Writer, processes []Process) {
	header := false
	for _, p := range processes {
		if len(p.Leaks) == 0 {
			continue
		}
		if !header {
			fmt.Fprintln(w, "\n=== "+color.MagentaString("Leaked processes"))
			header = true
		}
		fmt.Fprintf(w, "=== %s: %s\n", color.MagentaString("LEAK"), p.Package)
		for _, line := range leakLines(p) {
			fmt.Fprintln(w, line)
		}
	}
}

// leakLines describes the leaks of one test binary, a line each.
func leakLines(p Process) []string {
	var lines []string
	for _, l := range p.Leaks {
		lines = append(lines, "    "+describeLeak(l))
	}
	if p.MoreLeaks > 0 {
		lines = append(lines, "    and "+thousands(p.MoreLeaks)+" more")
	}
	return lines
}

func describeLeak(l control.Leak) string {
	where := "in the test's process group"
	if l.Escaped {
		where = "had left the test's process group"
	}
	command := l.Command
	if command == "" {
		command = "(command line unknown)"
	}
	end := fmt.Sprintf("ended with %s", l.End)
	if l.Alive != "" {
		end = fmt.Sprintf("could not be ended: %s; it still runs", l.Alive)
	}
	text := fmt.Sprintf("pid %d: %s: %s; %s", l.PID, command, where, end)
	if l.Test != "" {
		return l.Test + ": " + text
	}
	return text
}

// annotate adds to the JUnit report what the events do not tell.
func (r *run) annotate() {
	for _, p := range r.processes() {
		r.stream.Annotate(p.Package, r.annotation(p))
	}
}

func (r *run) annotation(p Process) jsonstream.Annotation {
	peak := "pgtest.memory.peak"
	if p.Resources.AtMost {
		peak = "pgtest.memory.peak.at-most"
	}
	a := jsonstream.Annotation{Properties: []junit.Property{
		{Name: "pgtest.cpu.user", Value: seconds(p.Resources.User)},
		{Name: "pgtest.cpu.system", Value: seconds(p.Resources.System)},
		{Name: peak, Value: fmt.Sprintf("%d", p.Resources.MaxRSS)},
	}}
	if r.cfg.Leaks == IgnoreLeaks || len(p.Leaks) == 0 {
		return a
	}
	output := ""
	for _, l := range p.Leaks {
		a.Properties = append(a.Properties, junit.Property{Name: "pgtest.leak", Value: describeLeak(l)})
		output += describeLeak(l) + "\n"
	}
	count := len(p.Leaks) + p.MoreLeaks
	if p.MoreLeaks > 0 {
		a.Properties = append(a.Properties, junit.Property{Name: "pgtest.leaks", Value: fmt.Sprint(count)})
		output += "and " + thousands(p.MoreLeaks) + " more\n"
	}
	if r.cfg.Leaks == FailLeaks {
		a.Errors = append(a.Errors, jsonstream.AnnotatedError{
			Name: "leaked processes", Type: "leak",
			Message: plural.Count(count, "leaked process", "leaked processes"), Output: output,
		})
	}
	return a
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

// thousands writes a number with commas between groups of three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
