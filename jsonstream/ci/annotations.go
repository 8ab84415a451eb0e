package ci

import (
	"fmt"
	"strings"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// Annotates reports whether the system has annotations.
func (s System) Annotates() bool { return s == GitHub || s == Azure }

// Annotations returns a sink that writes an annotation for each failure, flaky
// test, and package with leaked processes, after everything else. Places may be
// nil.
func (s System) Annotations(out *sink.Screen, places sink.Places) sink.Sink {
	return &annotations{system: s, out: out, places: places}
}

type annotations struct {
	sink.None
	system  System
	out     *sink.Screen
	places  sink.Places
	leaks   []result.Leaks
	written map[level]int
	left    map[level]int
}

// A level is how bad something is, as both systems call it.
type level string

const (
	failed  level = "error"
	warning level = "warning"
)

const (
	// maxAnnotations is how many of a level GitHub shows for a step.
	maxAnnotations = 10
	// maxMessage is how much of a message GitHub's runner passes on.
	maxMessage = 4 << 10
)

func (a *annotations) Needs() sink.Needs { return sink.Needs{Outputs: true} }

func (a *annotations) Note(n result.Note) {
	if n, ok := n.(result.Leaks); ok {
		a.leaks = append(a.leaks, n)
	}
}

func (a *annotations) Close(r *result.Results) error {
	a.written, a.left = make(map[level]int), make(map[level]int)
	o := r.Outcome()
	for _, f := range o.Failed {
		if !result.BlamesSubtest(f.Why) {
			a.add(failed, f, "")
		}
	}
	for _, f := range o.Flaky {
		if !result.BlamesSubtest(f.Why) {
			a.add(warning, f, "flaky: ")
		}
	}
	for _, l := range a.leaks {
		how := warning
		if l.Fail {
			how = failed
		}
		a.write(how, sink.Place{}, "leaked processes ("+l.Package+")", strings.Join(l.Lines(), "\n"))
	}
	if n := a.left[failed] + a.left[warning]; n > 0 {
		a.out.Command(a.system.notice(fmt.Sprintf("not annotated, because there is room for %d of each: errors %d, warnings %d",
			maxAnnotations, a.left[failed], a.left[warning])))
	}
	return nil
}

func (a *annotations) add(how level, f result.Failure, prefix string) {
	if a.full(how) {
		return
	}
	message := strings.TrimSpace(string(excerpt(f.Output(), maxMessage/2)))
	if message == "" || f.Test != nil && !strings.HasPrefix(message, f.Why) {
		message = strings.TrimSpace(f.Why + "\n\n" + message)
	}
	a.put(how, sink.PlaceOf(a.places, f), prefix+f.Title(), message)
}

func (a *annotations) write(how level, at sink.Place, title, message string) {
	if !a.full(how) {
		a.put(how, at, title, message)
	}
}

// full counts an annotation for which there is no room.
func (a *annotations) full(how level) bool {
	if a.written[how] < maxAnnotations {
		return false
	}
	a.left[how]++
	return true
}

func (a *annotations) put(how level, at sink.Place, title, message string) {
	a.written[how]++
	message = string(sink.Plain([]byte(message)))
	a.out.Command(a.system.annotation(how, at, sink.Inline(title, 200), message))
}

// annotation is the system's command for one.
func (s System) annotation(how level, at sink.Place, title, message string) string {
	if s == Azure {
		// There is no title, and the log shows the message's first line.
		c := command{name: "##vso[task.logissue", end: "]", separator: ";", property: azureEscapes, data: azureEscapes}
		c.properties = []string{"type", string(how)}
		if at.File != "" {
			c.properties = append(c.properties, "sourcepath", at.File, "linenumber", fmt.Sprint(at.Line))
		}
		return c.line(title + ": " + message)
	}
	c := command{name: "::" + string(how), end: "::", separator: ",", property: githubProperty, data: githubData}
	if at.File != "" {
		c.properties = append(c.properties, "file", at.File, "line", fmt.Sprint(at.Line))
	}
	c.properties = append(c.properties, "title", title)
	return c.line(message)
}

// notice is a line that the log shows apart from others.
func (s System) notice(text string) string {
	if s == Azure {
		return "##[warning]" + text + "\n"
	}
	return command{name: "::notice", end: "::", separator: ",", property: githubProperty, data: githubData,
		properties: []string{"title", "pgtest"}}.line(text)
}

// A command is a line that a system's runner carries out.
type command struct {
	name           string   // with what starts a command
	properties     []string // names and values by turns
	separator, end string
	property, data *strings.Replacer
}

func (c command) line(message string) string {
	var b strings.Builder
	b.WriteString(c.name)
	for i := 0; i < len(c.properties); i += 2 {
		between := c.separator
		if i == 0 {
			between = " "
		}
		fmt.Fprintf(&b, "%s%s=%s", between, c.properties[i], c.property.Replace(c.properties[i+1]))
	}
	b.WriteString(c.end + c.data.Replace(message) + "\n")
	return b.String()
}

// What stands for characters that would end a value.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	azureEscapes   = strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B")
)
