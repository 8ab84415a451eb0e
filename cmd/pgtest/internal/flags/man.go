package flags

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// manHead is the manual page up to the flags.
const manHead = `.TH PGTEST 1 "" pgtest "User Commands"
.SH NAME
pgtest \- go test that survives a terminal
.SH SYNOPSIS
.B pgtest
.RI [ "pgtest flags" ]
.RI [ "go test flags and packages" ]
.br
.B pgtest tool
.I command
.SH DESCRIPTION
`

// manTail is what follows the flags.
const manTail = `.SH EXIT STATUS
That of
.BR "go test" :
0 if all tests passed, 1 if some failed, 2 for a command line or a surrounding
that can't be worked with.
If a signal ended the run, pgtest dies of the same signal.
.SH FILES
.TP
.I ~/.cache/pgtest
what is kept between runs, below the user's cache directory:
.B pgtest tool cache
prints where.
.SH SEE ALSO
.BR "go help test" ,
.BR "go help testflag" ,
.BR "go help build"
`

// Man prints the manual page, in the language of man(7).
func Man(w io.Writer) error {
	var b strings.Builder
	b.WriteString(manHead)
	_, about, _ := strings.Cut(usage, "\n\n")
	for i, paragraph := range strings.Split(about, "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(roff(strings.TrimSpace(paragraph)) + "\n")
	}
	b.WriteString(".SH FLAGS\n")
	for _, g := range table(new(Options)) {
		if g.Title != "" {
			fmt.Fprintf(&b, ".SS %s\n", roff(g.Title))
		}
		tag := ".TP"
		var variables []string
		for _, r := range g.Rows {
			fmt.Fprintf(&b, "%s\n.B %s\n", tag, roff(r.head()))
			if variable := r.Variable(); variable != "" {
				variables = append(variables, variable)
			}
			if tag = ".TQ"; r.Text == "" { // it shares the next one's
				continue
			}
			b.WriteString(roff(r.text()) + "\n")
			if len(variables) > 0 {
				fmt.Fprintf(&b, ".br\nIn the environment: %s\n", roff(strings.Join(variables, ",\n")))
			}
			tag, variables = ".TP", nil
		}
	}
	b.WriteString(manTail)
	_, err := io.WriteString(w, b.String())
	return err
}

// roff returns a text of which troff reads no part as its own.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	var ascii strings.Builder
	for _, r := range strings.Join(lines, "\n") {
		if r > unicode.MaxASCII {
			fmt.Fprintf(&ascii, `\[u%04X]`, r)
		} else {
			ascii.WriteRune(r)
		}
	}
	return ascii.String()
}
