package jsonstream

import (
	"fmt"
	"io"

	"pgtest/jsonstream/junit"
	"pgtest/jsonstream/result"
)

// annotation is what the run's notes add to a testsuite.
type annotation struct {
	properties []junit.Property
	errors     []junit.Case
}

func (a *annotation) property(name, value string) {
	a.properties = append(a.properties, junit.Property{Name: name, Value: value})
}

func (a *annotation) error(name, kind, message, text string) {
	a.errors = append(a.errors, junit.Case{
		Name: name, Outcome: junit.Error, Type: kind, Message: message,
		Body: func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		},
	})
}

// annotations returns what the notes add to each package's suite: what ended the
// package stands behind what its processes used and left.
func annotations(n *notes) map[string]*annotation {
	all := make(map[string]*annotation)
	of := func(pkg string) *annotation {
		if all[pkg] == nil {
			all[pkg] = new(annotation)
		}
		return all[pkg]
	}
	for _, note := range n.all {
		switch n := note.(type) {
		case result.Usage:
			of(n.Package).usage(n)
		case result.Leaks:
			of(n.Package).leaks(n)
		}
	}
	for _, note := range n.all {
		if t, ok := note.(result.Timeout); ok {
			of(t.Package).property("pgtest.timeout", t.Test)
			of(t.Package).error("timeout", "timeout", timeoutMessage(t), "")
		}
	}
	return all
}

func (a *annotation) usage(u result.Usage) {
	peak := "pgtest.memory.peak"
	if u.AtMost {
		peak = "pgtest.memory.peak.at-most"
	}
	a.property("pgtest.cpu.user", inSeconds(u.User))
	a.property("pgtest.cpu.system", inSeconds(u.System))
	a.property(peak, fmt.Sprint(u.PeakMemory))
}

func (a *annotation) leaks(l result.Leaks) {
	text := ""
	for _, leak := range l.Leaks {
		a.property("pgtest.leak", describeLeak(leak))
		text += describeLeak(leak) + "\n"
	}
	count := len(l.Leaks) + l.More
	if l.More > 0 {
		a.property("pgtest.leaks", fmt.Sprint(count))
		text += "and " + thousands(l.More) + " more\n"
	}
	message := "1 leaked process"
	if count != 1 {
		message = fmt.Sprintf("%d leaked processes", count)
	}
	if l.Fail {
		a.error("leaked processes", "leak", message, text)
	}
}
