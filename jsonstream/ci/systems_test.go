package ci_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgtest/jsonstream"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/result"
)

// azure reads the commands in a log as the agent of Azure Pipelines does:
// Command and CommandStringConvertor in github.com/microsoft/azure-pipelines-agent.
func azure(log string) []command {
	unescape := strings.NewReplacer("%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%AZP25", "%")
	var all []command
	for _, line := range lineEnd.Split(log, -1) {
		name, isFormat := strings.CutPrefix(line, "##[")
		if isFormat && !strings.Contains(line, "##vso[") {
			name, data, _ := strings.Cut(name, "]")
			all = append(all, command{name: name, data: data})
			continue
		}
		_, line, ok := strings.Cut(line, "##vso[")
		info, data, ends := strings.Cut(line, "]")
		name, properties, _ := strings.Cut(info, " ")
		if !ok || !ends || strings.Count(name, ".") != 1 {
			continue
		}
		c := command{name, make(map[string]string), unescape.Replace(data)}
		for _, p := range strings.Split(properties, ";") {
			if key, value, ok := strings.Cut(p, "="); ok {
				c.properties[key] = unescape.Replace(value)
			}
		}
		all = append(all, c)
	}
	return all
}

// TestAzure reads back what pgtest logs, and nothing that a test printed.
func TestAzure(t *testing.T) {
	const hostile = "##vso[task.setvariable variable=x]hostile"
	name := "TestA/\n" + hostile + ";%"
	events := append(failing("example.com/m", name, "    x_test.go:7: 100%3B; [no]\n", hostile+"\n", "middle "+hostile, "\r##[error]hostile\n", "##", "vso[task.complete]hostile\n"),
		event{Action: "output", Package: "example.com/m", Output: hostile + "\n"}, event{Action: "fail", Package: "example.com/m"})
	for _, format := range []string{"pkgname", "standard-verbose", "testname", "github-actions"} {
		out := show(t, jsonstream.Options{Format: format, CI: ci.Azure, Places: places{}}, lines(events...)+hostile+"\n", hostile)
		got := azure(out.stdout.String())
		var names []string
		for _, c := range got {
			names = append(names, c.name)
		}
		if want := []string{"group", "endgroup", "task.logissue"}; !slices.Equal(names, want) {
			t.Fatalf("%s: %q, want %q", format, got, want)
		}
		issue := got[2]
		if want := map[string]string{"type": "error", "sourcepath": "dir, with: 100%/x_test.go", "linenumber": "7"}; !maps.Equal(issue.properties, want) {
			t.Errorf("%s: %q, want %q", format, issue.properties, want)
		}
		title := strings.ReplaceAll(name, "\n", " ") + " (example.com/m): "
		if !strings.HasPrefix(issue.data, title+"x_test.go:7: 100%3B; [no]\n"+hostile) {
			t.Errorf("%s: %q", format, issue.data)
		}
		if got := azure(out.stderr.String()); len(got) > 0 {
			t.Errorf("%s: standard error: %q", format, got)
		}
	}
}

// TestAnnotationsLimit has more failures and leaks than GitHub shows.
func TestAnnotationsLimit(t *testing.T) {
	var events []event
	var notes []result.Note
	for i := range 13 {
		events = append(events, failing("example.com/m", fmt.Sprintf("Test%d", i), "    x_test.go:7: no\n")...)
		notes = append(notes, result.Leaks{Package: fmt.Sprintf("example.com/m%d", i), More: 1, Fail: i == 0})
	}
	out := show(t, jsonstream.Options{CI: ci.GitHub}, lines(events...), "", notes...)
	count := make(map[string]int)
	var notice string
	for _, c := range new(runner).read(out.stdout.String()).executed {
		count[c.name]++
		if c.name == "notice" {
			notice = c.data
		}
	}
	if want := map[string]int{"error": 10, "warning": 10, "notice": 1}; !maps.Equal(count, want) {
		t.Errorf("%v, want %v", count, want)
	}
	if want := "not annotated, because there is room for 10 of each: errors 4, warnings 2"; notice != want {
		t.Errorf("%q, want %q", notice, want)
	}
}

// TestGitLab reads sections as GitLab does: a marker has a time, a name of
// certain characters, and what makes the line empty. A test can't end one.
func TestGitLab(t *testing.T) {
	hostile := "\x1b[0Ksection_end:1:pgtest_1\r\x1b[0K\n"
	events := append(failing("example.com/m", "TestA", "    x_test.go:7: no\n", hostile), failing("example.com/m", "TestB\n"+hostile, "more")...)
	out := show(t, jsonstream.Options{CI: ci.GitLab}, lines(append(events, event{Action: "fail", Package: "example.com/m"})...), "")
	marker := regexp.MustCompile(`\x1b\[0Ksection_(start|end):(\d+):([a-zA-Z0-9_.-]+)\r\x1b\[0K`)
	var open string
	var titles, texts []string
	rest := out.stdout.String()
	for {
		m := marker.FindStringSubmatchIndex(rest)
		if m == nil {
			break
		}
		what, name := rest[m[2]:m[3]], rest[m[6]:m[7]]
		switch {
		case what == "start" && open == "":
			title, body, _ := strings.Cut(rest[m[1]:], "\n")
			open, rest = name, body
			titles, texts = append(titles, title), append(texts, "")
			continue
		case what == "end" && name == open:
			texts[len(texts)-1] += rest[:m[0]]
			open = ""
		case open != "":
			texts[len(texts)-1] += rest[:m[1]]
		}
		rest = rest[m[1]:]
	}
	if open != "" || len(titles) != 2 || !strings.HasPrefix(titles[0], "=== FAIL: example.com/m TestA ") || texts[0] != "    x_test.go:7: no\n"+hostile || texts[1] != "more\n" {
		t.Errorf("%q: %q\n%q", titles, texts, &out.stdout)
	}
	if !strings.Contains(rest, "DONE 2 tests, 2 failures") {
		t.Errorf("the end is folded: %q", rest)
	}
}

// TestBuildkite reads the groups of a log: a heading starts with three signs, and
// its group goes on until the next.
func TestBuildkite(t *testing.T) {
	events := append(failing("example.com/m", "TestA", "    x_test.go:7: no\n"), failing("example.com/m", "TestB", "more")...)
	out := show(t, jsonstream.Options{CI: ci.Buildkite}, lines(append(events, event{Action: "fail", Package: "example.com/m"})...), "")
	heading := regexp.MustCompile(`(?m)^(---|\+\+\+|~~~) (.+)$`)
	var got []string
	for _, m := range heading.FindAllStringSubmatch(out.stdout.String(), -1) {
		got = append(got, m[0])
	}
	if want := []string{"--- FAIL: example.com/m TestA (0.20s)", "--- FAIL: example.com/m TestB (0.20s)", "+++ Summary"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if out := show(t, jsonstream.Options{CI: ci.Buildkite}, "", ""); strings.Contains(out.stdout.String(), "+++") {
		t.Errorf("a heading with nothing above it: %s", &out.stdout)
	}
}

// A message is a service message of TeamCity.
type message struct {
	name       string
	attributes map[string]string
}

var (
	serviceMessage   = regexp.MustCompile(`##teamcity\[(\w+)((?: \w+='(?:[^|'\[\]\n\r]|\|.)*')*)\]`)
	serviceAttribute = regexp.MustCompile(`(\w+)='((?:[^|']|\|.)*)'`)
	serviceEscape    = regexp.MustCompile(`\|(0x[0-9a-f]{4}|.)`)
)

// teamcity reads the messages of a log by the rules of TeamCity's documentation.
// What starts a message is to end it.
func teamcity(t *testing.T, log string) []message {
	t.Helper()
	var all []message
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "##teamcity[") {
			continue
		}
		m := serviceMessage.FindStringSubmatch(line)
		if m == nil || m[0]+"\n" != line {
			t.Errorf("no message: %q", line)
			continue
		}
		attributes := make(map[string]string)
		for _, a := range serviceAttribute.FindAllStringSubmatch(m[2], -1) {
			var units []uint16
			plain := serviceEscape.ReplaceAllStringFunc(a[2], func(e string) string {
				switch {
				case e == "|n":
					return "\n"
				case e == "|r":
					return "\r"
				case strings.HasPrefix(e, "|0x"):
					u, _ := strconv.ParseUint(e[3:], 16, 16)
					units = append(units, uint16(u))
					return string(rune(u))
				}
				return e[1:]
			})
			attributes[a[1]] = plain
		}
		all = append(all, message{m[1], attributes})
	}
	return all
}

// TestTeamCity has two packages at once, and every end of a test.
func TestTeamCity(t *testing.T) {
	const a, b, hostile = "example.com/a", "example.com/b['|]", "##teamcity[buildProblem description='hostile']\n"
	run := func(pkg, test string) event { return event{Action: "run", Package: pkg, Test: test} }
	events := []event{run(a, "TestPass"), run(b, "TestFail/é|'[]\n"),
		{Action: "output", Package: a, Test: "TestPass", Output: hostile},
		{Action: "output", Package: b, Test: "TestFail/é|'[]\n", Output: "    x_test.go:7: 'no' | [x]\r\n"},
		{Action: "output", Package: b, Test: "TestFail/é|'[]\n", Output: hostile},
		{Action: "fail", Package: b, Test: "TestFail/é|'[]\n", Elapsed: 0.25},
		{Action: "pass", Package: a, Test: "TestPass", Elapsed: 1.5},
		run(a, "TestSkip"), {Action: "output", Package: a, Test: "TestSkip", Output: "    x_test.go:9: later\n"}, {Action: "skip", Package: a, Test: "TestSkip"},
		{Action: "output", Package: a, Output: "PASS\n"}, {Action: "pass", Package: a},
		run(b, "TestCut"), {Action: "output", Package: b, Output: "panic: oh\n"}, {Action: "fail", Package: b},
		{Action: "output", Package: "example.com/c", Output: "FAIL example.com/c [build failed]\n"}, {Action: "fail", Package: "example.com/c"},
		{Action: "output", Package: "example.com/d", Output: "?  example.com/d [no test files]\n"}, {Action: "skip", Package: "example.com/d"},
		run("example.com/e", "TestStuck")}
	out := show(t, jsonstream.Options{Format: "teamcity"}, lines(events...)+hostile, "", result.Interruption{At: time.Now(), Reason: "SIGINT"})
	flows := make(map[string][]string)
	for _, m := range teamcity(t, out.stdout.String()) {
		line := m.name
		for _, key := range []string{"name", "out", "message", "details", "duration"} {
			if value, ok := m.attributes[key]; ok {
				line += fmt.Sprintf(" %q", value)
			}
		}
		flows[m.attributes["flowId"]] = append(flows[m.attributes["flowId"]], line)
	}
	after := regexp.MustCompile(`interrupted after .*?s by`)
	for _, flow := range flows {
		for i := range flow {
			flow[i] = after.ReplaceAllString(flow[i], "interrupted by")
		}
	}
	fails := fmt.Sprintf("%q", "TestFail/é|'[]\n")
	output := fmt.Sprintf("%q", "    x_test.go:7: 'no' | [x]\r\n"+hostile)
	want := map[string][]string{
		a: {`testSuiteStarted "` + a + `"`,
			`testStarted "TestPass"`, fmt.Sprintf(`testStdOut "TestPass" %q`, hostile), `testFinished "TestPass" "1500"`,
			`testStarted "TestSkip"`, `testStdOut "TestSkip" "    x_test.go:9: later\n"`, `testIgnored "TestSkip" "x_test.go:9: later"`, `testFinished "TestSkip" "0"`,
			`testSuiteFinished "` + a + `"`},
		b: {fmt.Sprintf("testSuiteStarted %q", b), "testStarted " + fails, "testStdOut " + fails + " " + output,
			"testFailed " + fails + ` "x_test.go:7: 'no' | [x]" ` + strings.ReplaceAll(output, `\r`, ""), "testFinished " + fails + ` "250"`,
			`testStarted "TestCut"`, `testFailed "TestCut" "panic: oh" ""`, `testFinished "TestCut" "0"`,
			fmt.Sprintf("testSuiteFinished %q", b)},
		"example.com/c": {`testSuiteStarted "example.com/c"`, `testStarted "TestMain"`, `testStdOut "TestMain" "FAIL example.com/c [build failed]\n"`,
			`testFailed "TestMain" "FAIL example.com/c [build failed]" "FAIL example.com/c [build failed]\n"`, `testFinished "TestMain" "0"`, `testSuiteFinished "example.com/c"`},
		"example.com/e": {`testSuiteStarted "example.com/e"`, `testStarted "TestStuck"`, `testFailed "TestStuck" "interrupted by SIGINT" ""`,
			`testFinished "TestStuck" "0"`, `testSuiteFinished "example.com/e"`},
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(flows[name], want[name]) {
			t.Errorf("flow %s:\n%s\nwant\n%s", name, strings.Join(flows[name], "\n"), strings.Join(want[name], "\n"))
		}
	}
	if len(flows) != len(want) {
		t.Errorf("flows: %v", slices.Collect(maps.Keys(flows)))
	}
}

// TestDetect knows each system by its variable.
func TestDetect(t *testing.T) {
	for variable, want := range map[string]ci.System{
		"GITHUB_ACTIONS=true": ci.GitHub, "GITHUB_ACTIONS=false": "", "GITLAB_CI=true": ci.GitLab, "BUILDKITE=true": ci.Buildkite,
		"TF_BUILD=True": ci.Azure, "TEAMCITY_VERSION=2025.11": ci.TeamCity, "CI=true": "", "": "",
	} {
		name, value, _ := strings.Cut(variable, "=")
		got, err := ci.Parse("auto", func(v string) string {
			if v == name {
				return value
			}
			return ""
		})
		if got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", variable, got, err, want)
		}
	}
}
