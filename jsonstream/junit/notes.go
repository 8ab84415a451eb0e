package junit

import (
	"bytes"
	"fmt"
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
func (s *Sink) noted(p *result.Package) (properties []Property, errors []Case) {
	property := func(name, value string) {
		properties = append(properties, Property{Name: name, Value: value})
	}
	failure := func(name, kind, message, body string) {
		errors = append(errors, Case{
			ClassName: s.className(p), Name: name, Outcome: Error, Run: Run{Type: kind, Message: message, Body: text(body)},
		})
	}
	for _, note := range s.notes[p.Path] {
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
	for _, note := range s.notes[p.Path] {
		if t, ok := note.(result.Timeout); ok {
			property("pgtest.timeout", t.Test)
			failure("timeout", "timeout", t.String(), "")
		}
	}
	return properties, errors
}

// timeout says that a test ran into the run's own limit, "" if it did not.
func (s *Sink) timeout(t *result.Test) string {
	for _, note := range s.notes[t.Package.Path] {
		if n, ok := note.(result.Timeout); ok && n.Test == t.Name && t.NoEnd {
			return n.String()
		}
	}
	return ""
}

// leaks are the leaks of tests that have a process each, by what begins the case
// of the test that left them.
type leaks map[string][]Property

func (s *Sink) leaksOf(pkg string) leaks {
	all := make(leaks)
	for _, note := range s.notes[pkg] {
		if n, ok := note.(result.Leaks); ok {
			for _, leak := range n.Leaks {
				if leak.Test != "" {
					key := string(appendName(nil, short(leak.Test)))
					all[key] = append(all[key], Property{"pgtest.leak", leak.String()})
				}
			}
		}
	}
	return all
}

// properties are those of the case of a test.
func (l leaks) properties(test string) []Property { return l[string(appendName(nil, short(test)))] }

// of returns the properties of a case that is kept.
func (l leaks) of(kept []byte) []Property {
	if len(l) == 0 {
		return nil
	}
	name, _, _ := bytes.Cut(kept, []byte(` classname="`))
	return l[string(name)]
}
