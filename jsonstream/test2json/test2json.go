// Package test2json makes the events of go test -json from what a test binary
// prints with -test.v=test2json, byte by byte as the go command of the binary's
// version does. It starts nothing and knows no binary.
package test2json

import (
	"bytes"
	"encoding/json"
	"go/version"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// maxFrame bounds a line of package testing; a longer one is output.
	maxFrame = 4096
	// maxOutput bounds the output of an event.
	maxOutput = 1024
)

// A Dialect is how versions of Go differ.
type Dialect struct {
	artifacts bool // tests have directories for artifacts, since Go 1.26
	typed     bool // errors are marked, and output has a type, since Go 1.27
}

// DialectOf returns the dialect of a version, as runtime.Version gives it. An
// unknown version is taken for a new one.
func DialectOf(goVersion string) Dialect {
	v, _, _ := strings.Cut(goVersion, " ") // experiments follow
	since := func(first string) bool { return !version.IsValid(v) || version.Compare(v, first) >= 0 }
	return Dialect{artifacts: since("go1.26"), typed: since("go1.27")}
}

// event has its members in the order in which go writes them.
type event struct {
	Time       time.Time
	Action     string
	Package    string   `json:",omitempty"`
	Test       string   `json:",omitempty"`
	Elapsed    *float64 `json:",omitempty"`
	Output     *string  `json:",omitempty"`
	OutputType string   `json:",omitempty"`
	Key        string   `json:",omitempty"`
	Value      string   `json:",omitempty"`
	Path       string   `json:",omitempty"`
}

// A Converter makes the events of one package. Each is one write.
type Converter struct {
	to      io.Writer
	pkg     string
	dialect Dialect
	began   time.Time
	in, out cutter

	test   string   // whose output it is
	ends   []*event // of a test and its subtests, which wait for their output
	result string   // the package's, as far as it is known
	marked bool     // package testing marks its lines, so none without a mark is its

	inFrame bool // what is written is package testing's
	inError bool // it is an error
	escaped bool // the last byte that was written is an escapeMark
}

// New returns a Converter for a package, and writes that it starts.
func New(to io.Writer, pkg string, dialect Dialect) *Converter {
	c := &Converter{to: to, pkg: pkg, dialect: dialect, began: time.Now()}
	c.in = cutter{size: maxFrame, escapes: dialect.typed, line: c.line, part: c.print}
	c.out = cutter{size: maxOutput, escapes: dialect.typed, line: c.output, part: c.output}
	c.write(&event{Action: "start"})
	return c
}

// Write converts what the test binary printed.
func (c *Converter) Write(text []byte) (int, error) {
	c.in.write(text)
	return len(text), nil
}

// Close writes the end of the package. A package has failed if its process did,
// or else if it printed so.
func (c *Converter) Close(failed bool) {
	switch {
	case failed:
		c.result = "fail"
	case c.result != "skip":
		c.result = "pass"
	}
	c.in.flush()
	c.out.flush()
	took := time.Since(c.began).Round(time.Millisecond).Seconds()
	c.write(&event{Action: c.result, Elapsed: &took})
}

func (c *Converter) print(text []byte) { c.out.write(text) }

// frame prints a line of package testing's.
func (c *Converter) frame(line []byte) {
	c.inFrame = true
	c.out.write(line)
	c.inFrame = false
}

// line decides whose a line is.
func (c *Converter) line(line []byte) {
	marked := line[0] == frameMark
	if c.marked && !marked {
		c.print(line)
		return
	}
	if marked {
		c.out.flush()
		line = line[1:]
	}
	text, whole := bytes.CutSuffix(line, []byte("\n"))
	if whole {
		text = bytes.TrimSuffix(text, []byte("\r"))
	}
	if string(text) == "=== NAME" { // somebody dropped the spaces
		line, text = []byte("=== NAME  \n"), []byte("=== NAME  ")
	}
	if string(text) == "PASS" || string(text) == "FAIL" || bytes.HasPrefix(text, []byte("FAIL\t")) {
		c.end(0)
		c.marked = marked
		c.frame(line)
		c.result = "fail"
		if string(text) == "PASS" {
			c.result = "pass"
		}
		return
	}
	if bytes.HasPrefix(line, []byte("?   \t")) && bytes.HasSuffix(text, []byte("\t[no test files]")) && len(c.ends) == 0 {
		c.result = "skip"
	}
	if action, rest, is := c.update(line); is {
		c.marked = marked
		c.end(0)
		c.updated(action, strings.TrimSpace(rest), line)
		return
	}
	depth := 0
	rest := line
	for bytes.HasPrefix(rest, []byte("    ")) {
		rest = rest[4:]
		depth++
	}
	action, name, isEnd := report(rest)
	switch {
	case isEnd && depth <= len(c.ends):
		c.marked = marked
		c.end(depth)
		c.reported(action, name)
		c.frame(line)
	case isEnd:
		c.print(line)
	default:
		if 0 < depth && depth <= len(c.ends) {
			c.test = c.ends[depth-1].Test
		}
		c.print(line)
	}
}

// update takes apart a line such as "=== RUN   TestX".
func (c *Converter) update(line []byte) (action, rest string, is bool) {
	for _, word := range []string{"RUN   ", "PAUSE ", "CONT  ", "NAME  ", "PASS  ", "FAIL  ", "SKIP  ", "ATTR  ", "ARTIFACTS "} {
		rest, is := bytes.CutPrefix(line, []byte("=== "+word))
		if is && (word != "ARTIFACTS " || c.dialect.artifacts) {
			return strings.ToLower(strings.TrimRight(word, " ")), string(rest), true
		}
	}
	return "", "", false
}

// updated says what a test does. It has paused behind the line that says so, and
// did all else in front of it.
func (c *Converter) updated(action, name string, line []byte) {
	e := &event{Action: action}
	switch action {
	case "artifacts":
		name, e.Path, _ = strings.Cut(name, " ")
	case "attr":
		name, e.Key, _ = strings.Cut(name, " ")
		e.Key, e.Value, _ = strings.Cut(e.Key, " ")
	}
	c.test = name
	if action == "name" {
		return
	}
	if action == "pause" {
		c.frame(line)
		c.write(e)
		return
	}
	c.write(e)
	c.frame(line)
}

// report takes apart a line such as "--- PASS: TestX (0.01s)".
func report(line []byte) (action, rest string, is bool) {
	for _, word := range []string{"PASS", "FAIL", "SKIP", "BENCH"} {
		if rest, is := bytes.CutPrefix(line, []byte("--- "+word+": ")); is {
			return strings.ToLower(word), strings.TrimSpace(string(rest)), true
		}
	}
	return "", "", false
}

// reported keeps the end of a test until its output is over.
func (c *Converter) reported(action, text string) {
	e := &event{Action: action}
	name, took, timed := strings.Cut(text, " (")
	if took, ok := strings.CutSuffix(took, "s)"); timed && ok {
		if seconds, err := strconv.ParseFloat(took, 64); err == nil {
			e.Elapsed = &seconds
		}
	}
	e.Test, c.test = name, name
	c.ends = append(c.ends, e)
}

// end writes the ends of tests that are as deep as depth or deeper.
func (c *Converter) end(depth int) {
	c.test = ""
	for len(c.ends) > depth {
		last := c.ends[len(c.ends)-1]
		c.ends = c.ends[:len(c.ends)-1]
		c.write(last)
	}
}

func (c *Converter) output(text []byte) {
	if c.dialect.typed {
		c.typedOutput(text)
	} else {
		c.outputOf(text, "")
	}
}

// typedOutput writes text without the marks of errors, in an event for each
// piece that is or is not one. The byte behind a mark is taken as it is, whatever
// it is: so does go.
func (c *Converter) typedOutput(text []byte) {
	kind := ""
	switch {
	case c.inFrame:
		kind = "frame"
	case c.inError:
		kind = "error-continue"
	}
	piece := make([]byte, 0, len(text))
	taken := false
	for i := 0; i < len(text); i++ {
		b := text[i]
		switch {
		case taken, c.escaped:
			taken, c.escaped = false, false
			piece = append(piece, b)
		case b == escapeMark:
			c.escaped = true
		case b == errorBegin:
			if len(piece) > 0 {
				c.outputOf(piece, kind)
			}
			piece, kind, c.inError, taken = piece[:0], "error", true, true
		case b == errorEnd:
			if i+1 < len(text) && text[i+1] == '\n' {
				piece = append(piece, '\n')
				i++
			}
			c.outputOf(piece, kind)
			piece, kind, c.inError, taken = piece[:0], "", false, true
		default:
			piece = append(piece, b)
		}
	}
	if len(piece) > 0 {
		c.outputOf(piece, kind)
	}
}

func (c *Converter) outputOf(text []byte, kind string) {
	s := string(text)
	c.write(&event{Action: "output", Output: &s, OutputType: kind})
}

func (c *Converter) write(e *event) {
	e.Package, e.Time = c.pkg, time.Now()
	if e.Test == "" {
		e.Test = c.test
	}
	line, err := json.Marshal(e)
	if err != nil {
		return // no member can fail
	}
	c.to.Write(append(line, '\n'))
}
