package harness

import (
	"fmt"
	"io"

	"github.com/fatih/color"

	"pgtest/harness/control"
	"pgtest/jsonstream"
	"pgtest/jsonstream/junit"
)

// writeSections writes what the run itself has to say before the summary.
func (r *run) writeSections(w io.Writer) {
	if r.cfg.Leaks != IgnoreLeaks {
		writeLeaks(w, r.processes())
	}
}

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
		lines = append(lines, fmt.Sprintf("    and %d more", p.MoreLeaks))
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
	return fmt.Sprintf("pid %d: %s: %s; ended with %s", l.PID, command, where, l.End)
}

// annotate adds to the JUnit report what the events do not tell.
func (r *run) annotate() {
	for _, p := range r.processes() {
		r.stream.Annotate(p.Package, r.annotation(p))
	}
}

func (r *run) annotation(p Process) jsonstream.Annotation {
	a := jsonstream.Annotation{Properties: []junit.Property{
		{Name: "pgtest.cpu.user", Value: fmt.Sprintf("%.3fs", p.Resources.User.Seconds())},
		{Name: "pgtest.cpu.system", Value: fmt.Sprintf("%.3fs", p.Resources.System.Seconds())},
		{Name: "pgtest.memory.peak", Value: fmt.Sprintf("%d", p.Resources.MaxRSS)},
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
		output += fmt.Sprintf("and %d more\n", p.MoreLeaks)
	}
	if r.cfg.Leaks == FailLeaks {
		a.Errors = append(a.Errors, jsonstream.AnnotatedError{
			Name: "leaked processes", Type: "leak",
			Message: fmt.Sprintf("%d leaked processes", count), Output: output,
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
