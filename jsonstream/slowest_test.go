package jsonstream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgtest/jsonstream/result"
)

// TestSlowest lists what took longest, but nothing of a cached package.
func TestSlowest(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := func(rest string) string {
		return fmt.Sprintf("{\"Time\":%q,\"Action\":%s}\n", start.Format(time.RFC3339), rest)
	}
	test := func(pkg, name, seconds string) string {
		return line(`"run","Package":"`+pkg+`","Test":"`+name+`"`) +
			line(`"pass","Package":"`+pkg+`","Test":"`+name+`","Elapsed":`+seconds)
	}
	stream := test("m/a", "TestA", "1.5") + test("m/a", "TestA/sub", "1.4") + test("m/a", "TestShort", "0.01") +
		line(`"pass","Package":"m/a","Elapsed":1.6`) +
		test("m/b", "TestB", "0.2") + test("m/b", "TestB", "0.3") + line(`"run","Package":"m/b","Test":"TestHangs"`) +
		strings.Replace(line(`"fail","Package":"m/b","Elapsed":9`), ":05Z", ":14Z", 1) +
		test("m/cached", "TestC", "99") +
		line(`"output","Package":"m/cached","Output":"ok  \tm/cached\t(cached)\n"`) + line(`"pass","Package":"m/cached","Elapsed":0.01`) +
		line(`"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"`) + line(`"skip","Package":"m/none","Elapsed":0`)
	action := func(mode, pkg string, ran bool, took time.Duration) result.Action {
		return result.Action{Mode: mode, Package: pkg, Ran: ran, Start: start, Done: start.Add(took)}
	}
	build := result.Build{Actions: []result.Action{
		action("link", "m/a.test", true, 10*time.Second), action("build", "m/a.test", true, time.Second), action("build", "m/a", true, time.Second),
		action("build", "m/a_test", true, time.Second), action("vet", "m/a", true, 500*time.Millisecond), action("build", "m/b", false, time.Hour),
		action("build", "fmt", true, time.Hour), {Mode: "link", Package: "m/b.test", Ran: true, Start: start},
	}}
	const tests = `
=== Slowest tests
  9.00s  TestHangs (m/b)
  1.50s  TestA (m/a)
  1.40s  TestA/sub (m/a)
`
	for _, tt := range []struct {
		limit int
		notes []result.Note
		want  string
	}{
		{3, []result.Note{build}, `
=== Slowest packages
   total    own    link  compile    vet  package
  15.10s  1.60s  10.00s    3.00s  0.50s  m/a
   9.00s  9.00s   0.00s    0.00s  0.00s  m/b
` + tests},
		{3, nil, `
=== Slowest packages
  9.00s  m/b
  1.60s  m/a
` + tests},
		{1, nil, "\n=== Slowest packages\n  9.00s  m/b\n\n=== Slowest tests\n  9.00s  TestHangs (m/b)\n"},
		{0, []result.Note{build}, ""},
	} {
		var out bytes.Buffer
		s, err := New(Options{Stdout: &out, Format: "none", Slowest: tt.limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range tt.notes {
			s.Note(n)
		}
		s.ReadOutput(strings.NewReader(stream))
		if _, err := s.Finish(); err != nil {
			t.Fatal(err)
		}
		got, _, _ := strings.Cut(out.String(), "\nDONE ")
		if got != tt.want {
			t.Errorf("with %d: %s\nwant %s", tt.limit, got, tt.want)
		}
	}
}
