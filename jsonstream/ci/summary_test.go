package ci_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/result"
)

// A page is what a summary shows, read by the rules of GitHub's Markdown that it
// relies on: an HTML block ends at an empty line, <pre> at </pre>.
type page struct {
	title    string
	sections map[string][]entry
}

type entry struct{ text, output string }

var (
	tag      = regexp.MustCompile(`</?(details|summary|code|pre|ul|li|p)>`)
	details  = regexp.MustCompile(`^<details><summary>([^\n]*)</summary>\n\n<pre>\n((?s:.*?))</pre>\n\n</details>\n\n`)
	item     = regexp.MustCompile(`<li>([^\n]*)</li>\n`)
	codeText = regexp.MustCompile(`<code>([^<]*)</code>`)
)

// shown is the text of HTML. It fails if the text has other tags than ours, or
// if what is not pgtest's stands outside of elements that show it as it is.
func shown(t *testing.T, text string) string {
	t.Helper()
	text = tag.ReplaceAllString(text, "")
	if strings.ContainsAny(text, "<>") {
		t.Errorf("other tags: %.200q", text)
	}
	return html.UnescapeString(text)
}

func readPage(t *testing.T, text string) page {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Error("no valid UTF-8")
	}
	head, rest, _ := strings.Cut(text, "\n")
	p := page{title: strings.TrimPrefix(head, "### "), sections: make(map[string][]entry)}
	_, rest, _ = strings.Cut(rest, "\n#### ")
	for rest != "" {
		name, body, _ := strings.Cut(strings.TrimPrefix(rest, "#### "), "\n\n")
		for m := details.FindStringSubmatch(body); m != nil; m = details.FindStringSubmatch(body) {
			outside := codeText.ReplaceAllString(m[1], "")
			if strings.ContainsAny(outside, "@`|*_") {
				t.Errorf("outside of code: %q", outside)
			}
			p.sections[name] = append(p.sections[name], entry{shown(t, m[1]), shown(t, m[2])})
			body = body[len(m[0]):]
		}
		body, rest, _ = strings.Cut("\n"+body, "\n#### ")
		for _, m := range item.FindAllStringSubmatch(body, -1) {
			p.sections[name] = append(p.sections[name], entry{shown(t, m[1]), ""})
		}
	}
	return p
}

// TestSummary shows all sections, and texts that would be something else in
// Markdown or HTML.
func TestSummary(t *testing.T) {
	const first = "    x_test.go:7: no\n"
	const text = "```\n</pre></details>\n\n# title\n| a |\n@me <script>&lt;\x1b[31mred\x1b[0m\xff\x00\n#### Failed\n"
	const pkg, name = "example.com/m", "TestA/@me|`x`*a*</code><b>"
	events := failing(pkg, name, first, text)
	events = append(events, event{Action: "run", Package: pkg, Test: "TestSlow"}, event{Action: "pass", Package: pkg, Test: "TestSlow", Elapsed: 2.5},
		event{Action: "run", Package: pkg, Test: "TestStuck"}, event{Action: "fail", Package: pkg})
	events = append(events, event{Action: "output", Package: "example.com/n", Output: "FAIL\texample.com/n [build failed]\n"},
		event{Action: "fail", Package: "example.com/n"})
	leak := result.Leaks{Package: pkg, Leaks: []result.Leak{{PID: 7, Command: "sleep <1>"}}}
	coverage := result.Coverage("Coverage: 61.0% of statements\n    <a>.go: 4-5\n")
	out := show(t, jsonstream.Options{}, lines(events...), "", leak, coverage)
	if !strings.Contains(out.markdown.String(), "\n\n<pre>\nCoverage: 61.0% of statements\n    &lt;a&gt;.go: 4-5\n</pre>\n\n") {
		t.Errorf("no coverage in %s", &out.markdown)
	}
	p := readPage(t, out.markdown.String())
	if p.title != "❌ Tests failed" || !strings.Contains(out.markdown.String(), "| 3 | 1 | 3 | 0 | 0 | 0 | 0 | 2 | ") {
		t.Errorf("%s", &out.markdown)
	}
	want := map[string][]entry{
		"Failed": {
			{name + " " + pkg + " (0.20s): x_test.go:7: no",
				"    x_test.go:7: no\n```\n</pre></details>\n\n# title\n| a |\n@me <script>&lt;red\uFFFD\uFFFD\n#### Failed\n"},
			{"TestStuck example.com/m (0.00s): the process ended before the test", ""},
			{"example.com/n (0.00s): FAIL\texample.com/n [build failed]", "FAIL\texample.com/n [build failed]\n"},
		},
		"Leaked processes": {{pkg + ": pid 7: sleep <1>: in the test's process group; ended with", ""}},
		"Slowest":          {{"2.50s TestSlow " + pkg, ""}},
	}
	want["Failed"][2].text = strings.ReplaceAll(want["Failed"][2].text, "\t", " ")
	if fmt.Sprintf("%q", p.sections) != fmt.Sprintf("%q", want) {
		t.Errorf("%q\nwant %q", p.sections, want)
	}
}

// TestSummaryFlaky has a test that passes in the second round, and one that fails
// again.
func TestSummaryFlaky(t *testing.T) {
	const pkg = "example.com/m"
	first := append(failing(pkg, "TestFlaky", "    x_test.go:7: at times\n"), failing(pkg, "TestBad", "    x_test.go:8: first\n")...)
	second := append([]event{{Action: "run", Package: pkg, Test: "TestFlaky"}, {Action: "pass", Package: pkg, Test: "TestFlaky"}},
		failing(pkg, "TestBad", "    x_test.go:8: again\n")...)
	end := event{Action: "fail", Package: pkg}
	var markdown, stdout strings.Builder
	s, err := jsonstream.New(jsonstream.Options{Stdout: &stdout, CI: ci.GitHub, Rounds: true, Summaries: []ci.Summary{{Out: &markdown}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, round := range [][]event{append(first, end), append(second, end)} {
		if i > 0 {
			s.EndRound()
			s.NextRound()
		}
		if err := s.ReadOutput(strings.NewReader(lines(round...))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Finish(); err != nil {
		t.Fatal(err)
	}
	want := map[string][]entry{
		"Failed":  {{"TestBad example.com/m (0.20s): x_test.go:8: again", "    x_test.go:8: again\n"}},
		"Flaky":   {{"TestFlaky example.com/m (0.20s): x_test.go:7: at times", ""}},
		"Slowest": {{"0.20s TestFlaky example.com/m", ""}, {"0.20s TestBad example.com/m", ""}},
	}
	if p := readPage(t, markdown.String()); fmt.Sprintf("%q", p.sections) != fmt.Sprintf("%q", want) {
		t.Errorf("%q\nwant %q", p.sections, want)
	}
	var got []string
	for _, c := range new(runner).read(stdout.String()).executed {
		got = append(got, c.name+" "+c.properties["title"])
	}
	if want := "error TestBad (example.com/m), warning flaky: TestFlaky (example.com/m)"; strings.Join(got, ", ") != want {
		t.Errorf("annotations: %q", got)
	}
}

// TestSummaryInterrupted ends the stream in the middle of a test.
func TestSummaryInterrupted(t *testing.T) {
	events := lines(event{Action: "run", Package: "example.com/m", Test: "TestA"}, event{Action: "output", Package: "example.com/m", Test: "TestA", Output: "hello\n"})
	out := show(t, jsonstream.Options{CI: ci.GitHub}, events, "", result.Interruption{At: time.Now(), Reason: "SIGINT"})
	p := readPage(t, out.markdown.String())
	got := p.sections["Interrupted"]
	if p.title != "🛑 Tests were interrupted" || len(got) != 1 || !strings.HasSuffix(got[0].text, "by SIGINT") || got[0].output != "hello\n" {
		t.Errorf("%q", p)
	}
	if r := new(runner).read(out.stdout.String()); r.token != "" || !strings.Contains(out.stdout.String(), "stop-commands") {
		t.Errorf("commands are not resumed:\n%s", &out.stdout)
	}
}

// TestSummaryRoom has as many failures as there are, with outputs of several
// lengths, for rooms of several sizes: what fits is there, what does not is
// counted.
func TestSummaryRoom(t *testing.T) {
	for _, c := range []struct{ failures, output, room int }{
		{20_000, 10, ci.MaxSummary}, {3_000, 5_000, ci.MaxSummary}, {50, 100_000, ci.MaxSummary}, {1, 3 << 20, ci.MaxSummary},
		{100, 1000, 5_000}, {100, 1000, 2_000}, {100, 1000, 100}, {1, 10, 0}, {1, 10, -5},
	} {
		if race.Enabled && (c.failures > 1000 || c.output > 1<<20) {
			continue
		}
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			var events strings.Builder
			first, middle := "    x_test.go:7: <first>\n", strings.Repeat("<middle>\n", c.output/9)
			output := first + middle + "<last>\n"
			for i := range c.failures {
				events.WriteString(lines(failing("example.com/m", fmt.Sprintf("Test%05d", i), first, middle, "<last>\n")...))
			}
			room := func() int64 { return int64(c.room) }
			text := show(t, jsonstream.Options{Format: "none", Summaries: []ci.Summary{{Room: room}}}, events.String(), "").markdown.String()
			if len(text) > max(c.room, 0) {
				t.Fatalf("%d bytes", len(text))
			}
			if text == "" {
				if c.room > 3000 {
					t.Error("nothing")
				}
				return
			}
			entries := readPage(t, text).sections["Failed"]
			whole, without := 0, 0
			for _, e := range entries {
				switch {
				case strings.Contains(e.output, "bytes left out"):
					if !strings.HasPrefix(e.output, "    x_test.go:7: <first>") || !strings.HasSuffix(e.output, "<last>\n") {
						t.Fatalf("cut: %q", e.output)
					}
				case e.output == "…\n":
					without++
				case e.output == output:
					whole++
				default:
					t.Fatalf("%q", e.output)
				}
			}
			more := c.failures - len(entries)
			said := fmt.Sprintf("\nFor want of room, %d outputs and %d more tests are left out.\n", without, more)
			if strings.Contains(text, said) != (without+more > 0) {
				t.Errorf("not said: %s%s", said, text[max(0, len(text)-300):])
			}
			if c.room == ci.MaxSummary && c.failures*c.output > c.room && c.failures > 20 && len(text) < c.room/2 {
				t.Errorf("%d of %d bytes are used", len(text), c.room)
			}
		})
	}
}
