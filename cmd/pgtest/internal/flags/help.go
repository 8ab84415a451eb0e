package flags

import (
	"fmt"
	"io"
	"strings"
)

const usage = `Usage: pgtest [pgtest flags] [go test flags and packages]

Pgtest is go test with a process group for every test binary: signals for the
tests reach the tests and nothing else, and nothing that a test started
outlives the run.

All flags and arguments of go test work as they do there: see go help test,
go help testflag and go help build. Two dashes are pgtest's: its flags may stand
anywhere before -args. One dash is go test's and the test binary's: -format
reaches the test. Each flag of pgtest can be set in the environment too:
PGTEST_FORMAT for --format, PGTEST_JUNITFILE for --junitfile, and so on.
`

// textColumn is where texts begin in the help.
const textColumn = 26

const usageOfGotestsum = `Usage:
    gotestsum [flags] [--] [go test flags]
    gotestsum [command]

This is pgtest, called by the name gotestsum: it does what gotestsum does, and
has more flags. Without packages it tests ./..., and flags stand before -- and the
words of go test. See docs/gotestsum.md, and pgtest -h.
`

// Help prints what pgtest -h says, or gotestsum -h: the flags that gotestsum has
// come first there.
func Help(w io.Writer, gotestsum bool) error {
	var b strings.Builder
	groups := table(new(Options))
	if gotestsum {
		b.WriteString(usageOfGotestsum)
		groups = sharedFirst(groups)
	} else {
		b.WriteString(usage)
	}
	for _, g := range groups {
		b.WriteByte('\n')
		if g.Title != "" {
			b.WriteString(g.Title + ":\n")
		}
		head := "  "
		for _, r := range g.Rows {
			head += r.head()
			if r.Text == "" {
				head += ", "
				continue
			}
			text := strings.ReplaceAll(r.text(), "\n", "\n"+strings.Repeat(" ", textColumn))
			if len(head) >= textColumn {
				head += "\n"
				text = strings.Repeat(" ", textColumn) + text
			}
			fmt.Fprintf(&b, "%-*s%s\n", textColumn, head, text)
			head = "  "
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sharedFirst returns the groups with one in front that has the flags of gotestsum.
func sharedFirst(groups []Group) []Group {
	first := Group{Title: "Flags"}
	var rest []Group
	for _, g := range groups {
		var others []Row
		for i, r := range g.Rows {
			if r.Text == "" {
				r.Text = g.Rows[i+1].Text // of the row below, which is as much gotestsum's
			}
			if r.shared {
				first.Rows = append(first.Rows, r)
			} else {
				others = append(others, r)
			}
		}
		if len(others) > 0 {
			rest = append(rest, Group{g.Title, others})
		}
	}
	return append([]Group{first}, rest...)
}

// head is a row as it is typed.
func (r Row) head() string {
	switch {
	case r.set == nil:
		return r.Name
	case r.Name == "help":
		return "-h, --help"
	}
	name := "--" + r.Name
	if strings.HasPrefix(r.Takes, "[") { // a value that may be missing
		return name + r.Takes
	}
	return strings.TrimSpace(name + " " + r.Takes)
}

// text is what a row does, with its default.
func (r Row) text() string { return strings.ReplaceAll(r.Text, "{default}", r.Default) }
