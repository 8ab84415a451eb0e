package ci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// event is a line of go test -json.
type event struct {
	Action, Package, Test, Output string  `json:",omitempty"`
	Elapsed                       float64 `json:",omitempty"`
}

func lines(events ...event) string {
	var b strings.Builder
	for _, e := range events {
		line, _ := json.Marshal(e)
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// failing is a test that fails after it printed something.
func failing(pkg, test string, output ...string) []event {
	all := []event{{Action: "run", Package: pkg, Test: test}}
	for _, o := range output {
		all = append(all, event{Action: "output", Package: pkg, Test: test, Output: o})
	}
	return append(all, event{Action: "fail", Package: pkg, Test: test, Elapsed: 0.2})
}

// outputs are what a stream wrote.
type outputs struct{ stdout, stderr, markdown bytes.Buffer }

func show(t *testing.T, o jsonstream.Options, stdout, stderr string, notes ...result.Note) *outputs {
	t.Helper()
	out := new(outputs)
	o.Stdout, o.Stderr = &out.stdout, o.CI.Defused(&out.stderr)
	if o.Format != "none" {
		o.Summary = testjson.SummarizeAll
	}
	o.Notices = o.Stderr
	if o.Summaries == nil {
		o.Summaries = []ci.Summary{{}}
	}
	o.Summaries[0].Out = &out.markdown
	s, err := jsonstream.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadErrors(strings.NewReader(stderr)); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadOutput(strings.NewReader(stdout)); err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		s.Note(n)
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	return out
}

// A runner reads a log as GitHub's does: ActionCommandManager and ActionCommand
// in github.com/actions/runner.
type runner struct {
	token    string
	executed []command
}

type command struct {
	name       string
	properties map[string]string
	data       string
}

var (
	known = []string{"error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "set-output", "save-state", "set-env",
		"add-path", "add-matcher", "remove-matcher", "echo", "stop-commands", "internal-set-repo-path"}
	lineEnd = regexp.MustCompile("\r\n|\r|\n")
)

func (r *runner) read(log string) *runner {
	for _, line := range lineEnd.Split(log, -1) {
		c, ok := r.parse(strings.TrimLeftFunc(line, unicode.IsSpace), "::", "::", ",")
		if !ok {
			if i := strings.Index(line, "##["); i >= 0 {
				c, ok = r.parse(line[i:], "##[", "]", ";")
			}
		}
		switch {
		case !ok:
		case r.token != "" && strings.EqualFold(c.name, r.token):
			r.token = ""
		case r.token != "":
		case c.name == "stop-commands":
			r.token = c.data
		default:
			r.executed = append(r.executed, c)
		}
	}
	return r
}

func (r *runner) parse(line, start, end, separator string) (command, bool) {
	line, ok := strings.CutPrefix(line, start)
	if !ok {
		return command{}, false
	}
	info, data, ok := strings.Cut(line, end)
	name, properties, _ := strings.Cut(info, " ")
	if !ok || !slices.Contains(known, strings.ToLower(name)) && !(r.token != "" && strings.EqualFold(name, r.token)) {
		return command{}, false
	}
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	c := command{name: strings.ToLower(name), properties: make(map[string]string)}
	for _, p := range strings.Split(strings.TrimSpace(properties), separator) {
		if key, value, ok := strings.Cut(p, "="); ok {
			c.properties[key] = unescape.Replace(value)
		}
	}
	c.data = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(data)
	return c, true
}

// hostile is every command, and one in every place where the runner looks for
// it.
func hostile() []string {
	var all []string
	for _, name := range known {
		all = append(all, "::"+name+"::hostile\n", "middle ##["+name+" name=x]hostile\n")
	}
	for _, text := range []string{"::error::hostile", "::set-output name=x,file=y::hostile", "##[error]hostile"} {
		all = append(all, "  \t"+text+"\n", "\u00a0"+text+"\n", "progress\r"+text+"\n", text+"\r\n", text)
	}
	return append(all, "x\n", ":", ":error::hostile\n", "#", "#[error]hostile\n", "::stop-commands::\n", "::::\n")
}

// places finds what the tests below ask for.
type places struct{}

func (places) Test(pkg, test string) sink.Place { return sink.Place{} }
func (places) Path(string) string               { return "" }
func (places) Line(pkg, file string, line int) sink.Place {
	return sink.Place{File: "dir, with: 100%/" + file, Line: line}
}

// TestGitHubInjection has tests print every command, in outputs, names and
// attributes, and go on standard error. None is carried out, and all of pgtest's
// are.
func TestGitHubInjection(t *testing.T) {
	var events []event
	all := hostile()
	for i, text := range all {
		events = append(events, failing("example.com/m", "TestOutput", all[i:min(i+3, len(all))]...)...)
		name := fmt.Sprintf("Test%d/\n%s", i, text)
		events = append(events, failing("example.com/m", name, "    x_test.go:7: "+text)...)
		events = append(events, event{Action: "output", Package: "example.com/m", Output: text})
		events = append(events, event{Action: "skip", Package: "example.com/m", Test: "\n" + text})
	}
	events = append(events, event{Action: "fail", Package: "example.com/m"})
	stdout := lines(events...) + strings.Join(all, "")
	leak := result.Leaks{Package: "example.com/m", Leaks: []result.Leak{{Command: strings.Join(all, "")}}}
	slow := result.Slow{Package: "example.com/m", Test: strings.Join(all, "")}
	for _, name := range format.Names() {
		if name == "standard-json" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			out := show(t, jsonstream.Options{Format: name, CI: ci.GitHub, Places: places{}}, stdout, strings.Join(all, ""), leak, slow)
			r := new(runner).read(out.stdout.String())
			if r.token != "" {
				t.Error("commands are not resumed")
			}
			count := make(map[string]int)
			for _, c := range r.executed {
				count[c.name]++
				ours := c.name == "endgroup" && c.data == "" || c.name == "group" || c.name == "notice" && c.properties["title"] == "pgtest" ||
					strings.Contains(c.properties["title"], "example.com/m") || strings.HasPrefix(c.properties["title"], "Test")
				if !ours {
					t.Errorf("carried out: %q", c)
				}
			}
			want := map[string]int{"error": 10, "warning": 1, "notice": 1}
			if name == "github-actions" {
				want["group"], want["endgroup"] = len(all)*2, len(all)*2
			}
			if fmt.Sprint(count) != fmt.Sprint(want) {
				t.Errorf("carried out: %v, want %v", count, want)
			}
			if errors := new(runner).read(out.stderr.String()).executed; len(errors) > 0 {
				t.Errorf("carried out of standard error: %q", errors)
			}
		})
	}
}

// TestGitHubAnnotations reads back what annotations say.
func TestGitHubAnnotations(t *testing.T) {
	name := "TestA/b,c:d%0A::e"
	events := []event{{Action: "run", Package: "example.com/m", Test: "TestA"}}
	events = append(events, failing("example.com/m", name, "    x_test.go:7: 100%, really:\n", "        no\r\n", "    x_test.go:9: more\n")...)
	events = append(events, event{Action: "fail", Package: "example.com/m", Test: "TestA"}, event{Action: "fail", Package: "example.com/m"})
	out := show(t, jsonstream.Options{CI: ci.GitHub, Places: places{}}, lines(events...), "")
	want := []command{{"error", map[string]string{
		"file": "dir, with: 100%/x_test.go", "line": "7", "title": name + " (example.com/m)",
	}, "x_test.go:7: 100%, really:\n        no\n    x_test.go:9: more"}}
	if got := new(runner).read(out.stdout.String()).executed; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestEventsAlone leaves standard output to the events.
func TestEventsAlone(t *testing.T) {
	events := lines(append(failing("example.com/m", "TestA", "x\n"), event{Action: "fail", Package: "example.com/m"})...)
	for _, system := range []ci.System{ci.GitHub, ci.GitLab, ci.Buildkite, ci.TeamCity, ci.Azure} {
		out := show(t, jsonstream.Options{CI: system, Format: "standard-json", NoSummary: true}, events, "")
		if got := out.stdout.String(); got != events {
			t.Errorf("%s: %s", system, got)
		}
	}
}
