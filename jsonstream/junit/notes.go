package junit

import (
	"fmt"
	"slices"
	"strings"

	"pgtest/jsonstream/result"
)

// Note keeps what the run notes about a package.
func (s *Sink) Note(n result.Note) {
	switch n := n.(type) {
	case result.GoVersion:
		s.goVersion = string(n)
	case result.Usage:
		s.notes[n.Package] = append(s.notes[n.Package], n)
	case result.Leaks:
		s.notes[n.Package] = append(s.notes[n.Package], n)
	case result.Timeout:
		s.notes[n.Package] = append(s.notes[n.Package], n)
	}
}

// noted returns what a package's notes add to its suite. What ended the package
// stands behind what its processes used and left.
func (s *Sink) noted(pkg string) (properties []Property, errors []Case) {
	property := func(name, value string) {
		properties = append(properties, Property{Name: name, Value: value})
	}
	failure := func(name, kind, message, text string) {
		errors = append(errors, Case{
			ClassName: s.opts.ClassName(pkg), Name: name, Outcome: Error, Type: kind, Message: message,
			Body: slices.Values([][]byte{[]byte(text)}),
		})
	}
	for _, note := range s.notes[pkg] {
		switch n := note.(type) {
		case result.Usage:
			peak := "pgtest.memory.peak"
			if n.AtMost {
				peak = "pgtest.memory.peak.at-most"
			}
			property("pgtest.cpu.user", fmt.Sprintf("%.3fs", n.User.Seconds()))
			property("pgtest.cpu.system", fmt.Sprintf("%.3fs", n.System.Seconds()))
			property(peak, fmt.Sprint(n.PeakMemory))
		case result.Leaks:
			for _, leak := range n.Leaks {
				property("pgtest.leak", leak.String())
			}
			count := len(n.Leaks) + n.More
			if n.More > 0 {
				property("pgtest.leaks", fmt.Sprint(count))
			}
			message := "1 leaked process"
			if count != 1 {
				message = fmt.Sprintf("%d leaked processes", count)
			}
			if n.Fail {
				failure("leaked processes", "leak", message, strings.Join(n.Lines(), "\n")+"\n")
			}
		}
	}
	for _, note := range s.notes[pkg] {
		if t, ok := note.(result.Timeout); ok {
			property("pgtest.timeout", t.Test)
			failure("timeout", "timeout", t.String(), "")
		}
	}
	return properties, errors
}
