package jsonstream

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/fatih/color"

	"pgtest/jsonstream/result"
)

// notes keeps what the run noted about packages, for sections and the JUnit
// report. It is safe for concurrent use.
type notes struct {
	mu  sync.Mutex
	all []result.Note // Usage, Leaks and Timeout, in the order of their arrival
}

func (n *notes) add(note result.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, note)
}

// of returns the notes of one type.
func of[T result.Note](n *notes) []T {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []T
	for _, note := range n.all {
		if t, ok := note.(T); ok {
			all = append(all, t)
		}
	}
	return all
}

// printResources writes a table of what the packages' processes used, the one
// that used most CPU time first.
func (n *notes) printResources(w io.Writer) {
	usages := of[result.Usage](n)
	if len(usages) == 0 {
		return
	}
	cpu := func(u result.Usage) time.Duration { return u.User + u.System }
	slices.SortStableFunc(usages, func(a, b result.Usage) int { return cmp.Compare(cpu(b), cpu(a)) })
	fmt.Fprintln(w, "\n=== Resources")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "CPU\tuser\tsystem\telapsed\tpeak memory\t\tpackage")
	for _, u := range usages {
		atMost := ""
		if u.AtMost {
			atMost = "≤ "
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s%.1f MiB\t\t%s\n", inSeconds(cpu(u)), inSeconds(u.User),
			inSeconds(u.System), inSeconds(u.Elapsed), atMost, float64(u.PeakMemory)/(1<<20), u.Package)
	}
	table.Flush()
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

// printLeaks lists the processes that packages' processes left behind.
func (n *notes) printLeaks(w io.Writer) {
	for i, l := range of[result.Leaks](n) {
		if i == 0 {
			fmt.Fprintln(w, "\n=== "+color.MagentaString("Leaked processes"))
		}
		fmt.Fprintf(w, "=== %s: %s\n", color.MagentaString("LEAK"), l.Package)
		for _, leak := range l.Leaks {
			fmt.Fprintln(w, "    "+describeLeak(leak))
		}
		if l.More > 0 {
			fmt.Fprintln(w, "    and "+thousands(l.More)+" more")
		}
	}
}

func describeLeak(l result.Leak) string {
	where := "in the test's process group"
	if l.Escaped {
		where = "had left the test's process group"
	}
	command := l.Command
	if command == "" {
		command = "(command line unknown)"
	}
	end := "ended with " + l.End
	if l.Alive != "" {
		end = fmt.Sprintf("could not be ended: %s; it still runs", l.Alive)
	}
	text := fmt.Sprintf("pid %d: %s: %s; %s", l.PID, command, where, end)
	if l.Test != "" {
		return l.Test + ": " + text
	}
	return text
}

// thousands writes a number with commas between groups of three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// notice is the line that says a note to the user as soon as it comes, "" for
// none.
func notice(n result.Note) string {
	switch n := n.(type) {
	case result.Message:
		return string(n)
	case result.Slow:
		return fmt.Sprintf("pgtest: slow: %s of %s has been running for %v", n.Test, n.Package, n.Elapsed.Round(time.Millisecond))
	case result.Timeout:
		return "pgtest: " + timeoutMessage(n)
	}
	return ""
}

func timeoutMessage(t result.Timeout) string {
	return fmt.Sprintf("%s of %s ran for longer than --test-timeout=%v; the package was ended", t.Test, t.Package, t.Limit)
}
