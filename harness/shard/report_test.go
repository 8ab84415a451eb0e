package shard

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgtest/jsonstream/event"
)

// TestReport reads JUnit reports as events.
func TestReport(t *testing.T) {
	const head = `<?xml version="1.0"?><testsuites><testsuite name="m/p" time="1.5" timestamp="2026-11-23T12:00:00Z">` +
		`<properties><property name="pgtest.shard" value="2/3"/><property name="pgtest.shard.plan" value="p"/><property name="pgtest.shard.commit" value="c"/>` +
		`<property name="coverage.statements.pct" value="40.0"/>MORE</properties>`
	const tail = `</testsuite></testsuites>`
	const another = `</testsuite><testsuite name="m/p" MORE><properties><property name="pgtest.shard" value="2/3"/></properties>`
	later := strings.Replace(another, "MORE", `time="2" timestamp="2026-11-23T12:00:01Z"`, 1)
	for name, tt := range map[string]struct {
		more, cases string
		rounds      int
		round       int
		want        string // actions with tests and outputs
		interrupted bool
	}{
		"passed": {cases: `<testcase name="TestA/b" time="0.5"/><testcase name="TestA" time="1"/><testcase name="TestB" time="0"/>`,
			want: `start;run TestA;run TestB;run TestA/b;output TestA/b     --- PASS: TestA/b (0.50s);pass TestA/b;` +
				`output TestA --- PASS: TestA (1.00s);pass TestA;output TestB --- PASS: TestB (0.00s);pass TestB;output  coverage: 40.0% of statements;pass`},
		"failed": {cases: `<testcase name="TestA"><failure message="x">=== RUN   TestA&#xA;--- FAIL: TestA (0.00s)&#xA;</failure></testcase>`,
			want: `start;run TestA;output TestA === RUN   TestA;output TestA --- FAIL: TestA (0.00s);fail TestA;output  coverage: 40.0% of statements;fail`},
		"skipped": {cases: `<testcase name="TestA"><skipped message="a_test.go:3: no"/></testcase>`,
			want: `start;run TestA;output TestA     a_test.go:3: no;output TestA --- SKIP: TestA (0.00s);skip TestA;output  coverage: 40.0% of statements;pass`},
		"of the package": {cases: `<testcase name="TestMain"><error message="exit status 3"/></testcase>`,
			want: `start;output  coverage: 40.0% of statements;output  exit status 3;fail`},
		"of the package, interrupted": {cases: `<testcase name="TestMain"><error type="interrupted" message="interrupted after 1s by SIGTERM"/></testcase>`,
			want: `start;output  coverage: 40.0% of statements;output  interrupted after 1s by SIGTERM;fail !interrupted by SIGTERM`},
		"no tests": {cases: `<testcase name="leaked processes"><failure message="sleep"/></testcase><testcase name="timeout"><failure message="late"/></testcase><testcase name="[build failed]"><error message="x"/></testcase>`,
			want: `start;output  coverage: 40.0% of statements;output  sleep;output  late;output  x;fail`},
		"attributes": {cases: `<testcase name="TestA/b_c"><properties><property name="pgtest.name" value="TestA/b c"/><property name="dd_tags[x]" value="y"/><property name="owner" value="me"/></properties></testcase>`,
			want: `start;run TestA/b c;attr TestA/b c owner=me;output TestA/b c     --- PASS: TestA/b c (0.00s);pass TestA/b c;output  coverage: 40.0% of statements;pass`},
		"several suites": {cases: `<testcase name="TestA"/>` + strings.Replace(another, "MORE", "", 1) + later + `<testcase name="TestB"/>`,
			want: `start;run TestA;output TestA --- PASS: TestA (0.00s);pass TestA;output  coverage: 40.0% of statements;pass;` +
				`start;run TestB;output TestB --- PASS: TestB (0.00s);pass TestB;pass`},
		"without tests": {want: `start;output  coverage: 40.0% of statements;output  ?   	m/p	[no test files];skip`},
		"flaky, first": {cases: `<testcase name="TestA"><flakyFailure message="x"><stackTrace>x</stackTrace></flakyFailure></testcase><testcase name="TestB"/>`,
			rounds: 2, want: `output  !ROUND 1;start;run TestA;run TestB;output TestA x;output TestA --- FAIL: TestA (0.00s);fail TestA;` +
				`output TestB --- PASS: TestB (0.00s);pass TestB;output  coverage: 40.0% of statements;fail`},
		"flaky, then": {cases: `<testcase name="TestA"><flakyFailure message="x"/></testcase><testcase name="TestB"/>`,
			rounds: 2, round: 1, want: `output  !ROUND 2;start;run TestA;output TestA --- PASS: TestA (0.00s);pass TestA;output  coverage: 40.0% of statements;pass`},
		"flaky, then over": {cases: `<testcase name="TestA"><flakyFailure message="x"/></testcase>` + later + `<testcase name="TestB"><failure message="x">1</failure><rerunFailure message="x"><stackTrace>2</stackTrace></rerunFailure><rerunFailure message="x"><stackTrace>3</stackTrace></rerunFailure></testcase>`,
			rounds: 3, round: 2, want: `output  !ROUND 3;start;run TestB;output TestB 3;output TestB --- FAIL: TestB (0.00s);fail TestB;fail`},
		"two suites, again": {cases: `<testcase name="TestA"><flakyFailure message="x"/></testcase>` + later + `<testcase name="TestB"><flakyFailure message="x"/></testcase>`,
			rounds: 2, round: 1, want: `output  !ROUND 2;start;run TestA;output TestA --- PASS: TestA (0.00s);pass TestA;output  coverage: 40.0% of statements;pass;` +
				`start;run TestB;output TestB --- PASS: TestB (0.00s);pass TestB;pass`},
		"failed again": {cases: `<testcase name="TestA"><failure message="x">1</failure><rerunFailure message="x"><stackTrace>2</stackTrace></rerunFailure></testcase>`,
			rounds: 2, round: 1, want: `output  !ROUND 2;start;run TestA;output TestA 2;output TestA --- FAIL: TestA (0.00s);fail TestA;output  coverage: 40.0% of statements;fail`},
		"interrupted": {more: `<property name="pgtest.shard.interrupted" value="true"/>`, interrupted: true,
			cases: `<testcase name="TestA"><error type="interrupted" message="interrupted after 1s by SIGTERM"/></testcase>`,
			want:  `start;run TestA;output TestA interrupted after 1s by SIGTERM;fail TestA !interrupted by SIGTERM;output  coverage: 40.0% of statements;fail`},
	} {
		path := filepath.Join(t.TempDir(), "junit.xml")
		if err := os.WriteFile(path, []byte(strings.Replace(head, "MORE", tt.more, 1)+tt.cases+tail), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Scan(path)
		if want := (Mark{Index: 2, Total: 3, Plan: "p", Commit: "c", Ended: !tt.interrupted}); err != nil || f.Mark != want || len(f.rounds) != max(tt.rounds, 1)+1 {
			t.Errorf("%s: %v: %+v", name, err, f)
		}
		all, _, err := readReport(strings.NewReader(strings.Replace(head, "MORE", tt.more, 1) + tt.cases + tail))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(all.events(tt.round))) {
			var e reported
			if err := json.Unmarshal([]byte(line), &e); err != nil || e.Package != "m/p" || e.Time.IsZero() && e.Test == "" {
				t.Errorf("%s: %v: %s", name, err, line)
			}
			text := e.Action
			if e.Test != "" || e.Action == "output" {
				text += " " + e.Test
			}
			switch {
			case e.Output != "":
				text += " " + strings.TrimSuffix(e.Output, "\n")
			case e.Action == "attr":
				text += " " + e.Key + "=" + e.Value
			}
			if e.NoEnd != "" {
				text += " !" + e.NoEnd
			}
			// The suite's time is that of its first round.
			if ends := e.Test == "" && e.Action != "start" && e.Action != "output"; (e.Elapsed > 0) != (ends && tt.round == 0) && e.Test == "" || e.Action == "output" && e.Elapsed > 0 {
				t.Errorf("%s: %s", name, line)
			}
			got = append(got, text)
		}
		for round := 1; round <= tt.rounds; round++ {
			tt.want = strings.ReplaceAll(tt.want, fmt.Sprint("!ROUND ", round), "!"+event.RoundBegins(round))
		}
		if got := strings.Join(got, ";"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}

// TestForeignReports reads reports that are none of a shard.
func TestForeignReports(t *testing.T) {
	suite := func(shard string) string {
		return `<testsuite name="s"><properties><property name="pgtest.shard" value="` + shard + `"/></properties></testsuite>`
	}
	for text, want := range map[string]string{
		"<testsuites>" + suite("1/2") + suite("1/2") + "</testsuites>": "",
		"<testsuites>" + suite("1/2") + suite("2/2") + "</testsuites>": "s is not of shard 1/2 as s is",
		"<testsuites>" + suite("0/2") + "</testsuites>":                "no JUnit report of a run with --shard",
		"<testsuites>" + suite("3/2") + "</testsuites>":                "no JUnit report of a run with --shard",
		"<testsuites>" + suite("") + "</testsuites>":                   "no JUnit report of a run with --shard",
		"<testsuites></testsuites>":                                    "no JUnit report of a run with --shard",
		"<testsuites>" + suite("1/2"):                                  "no whole JUnit report",
		"<html></p>":                                                   "no whole JUnit report",
	} {
		_, _, err := readReport(strings.NewReader(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
