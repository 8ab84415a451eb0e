package junit

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, Strict, -1)
	w.Begin("project", Counts{Tests: 3, Failures: 1, Errors: 1}, 1234567*time.Microsecond, time.Time{})
	w.BeginSuite(Suite{
		Name: "example.com/a", Counts: Counts{Tests: 3, Failures: 1, Errors: 1, Skipped: 1}, Time: -time.Nanosecond,
		Timestamp:  time.Date(2026, 11, 23, 12, 0, 0, 5, time.UTC),
		Properties: []Property{{"key", "tab\there\r\nand \"quotes\" 'too'"}},
	})
	body := Body{Text: slices.Values([][]byte{[]byte("<a> & ]]> \x00\x1b\x7f\r\n"), []byte("\xff\uFFFE \"quoted\"\n")})}
	w.Case(Case{ClassName: "c", Name: "TestA", Outcome: Failure, Run: Run{Time: time.Hour, Message: "m", Type: "t", Body: body}})
	w.Case(Case{ClassName: "c", Name: "TestB", Outcome: Skip})
	w.Case(Case{ClassName: "c", Name: "TestC", Outcome: Pass})
	w.Kept(AppendKept(nil, Case{ClassName: "c", Name: "Test<D>", Run: Run{Time: 1500 * time.Microsecond}}, Strict), nil)
	w.EndSuite()
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="project" tests="3" failures="1" errors="1" time="1.234">
	<testsuite name="example.com/a" tests="3" failures="1" errors="1" skipped="1" time="0.000" timestamp="2026-11-23T12:00:00Z">
		<properties>
			<property name="key" value="tab&#x9;here&#xD;&#xA;and &quot;quotes&quot; 'too'"/>
		</properties>
		<testcase name="TestA" classname="c" time="3600.000">
			<failure message="m" type="t">&lt;a&gt; &amp; ]]&gt; ` + "\uFFFD\uFFFD\x7f&#xD;\n\uFFFD\uFFFD" + ` "quoted"
</failure>
		</testcase>
		<testcase name="TestB" classname="c" time="0.000">
			<skipped></skipped>
		</testcase>
		<testcase name="TestC" classname="c" time="0.000"/>
		<testcase name="Test&lt;D&gt;" classname="c" time="0.001"/>
	</testsuite>
</testsuites>
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterErrors(t *testing.T) {
	w := NewWriter(full{}, Strict, -1)
	w.Begin("", Counts{}, 0, time.Time{})
	if err := w.End(); !errors.Is(err, errFull) {
		t.Errorf("End returns %v", err)
	}
}
