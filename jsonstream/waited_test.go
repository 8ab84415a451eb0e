package jsonstream

import (
	"strings"
	"testing"
	"time"

	"pgtest/jsonstream/result"
)

// TestWaited has what becomes of the time that a package waited in what go says of
// the package, and only there.
func TestWaited(t *testing.T) {
	const stays = `{"Action":"start","Package":"m/a"}
{"Action":"run","Package":"m/a","Test":"TestA"}
{"Action":"output","Package":"m/a","Test":"TestA","Output":"ok  \tm/a\t2.500s\n"}
{"Action":"pass","Package":"m/a","Test":"TestA","Elapsed":2.5}
{"Action":"output","Package":"m/a","Output":"FAIL\tm/b\t2.500s\n"}
`
	const other = `{"Action":"output","Package":"m/b","Output":"ok  \tm/b\t2.500s\n"}
{"Action":"pass","Package":"m/b","Elapsed":2.5}
`
	for _, tt := range []struct{ name, said, want string }{
		{
			"passed", `{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t2.500s\tcoverage: 2.500% of statements\n"}
{"Action":"pass","Package":"m/a","Elapsed":2.5}
`, `{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t1.250s\tcoverage: 2.500% of statements\n"}
{"Action":"pass","Package":"m/a","Elapsed":1.250}
`,
		}, {
			"failed", `{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t2.500s\n"}
{"Action":"fail","Package":"m/a","Elapsed":2.5000000000000004,"FailedBuild":"x"}
`, `{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t1.250s\n"}
{"Action":"fail","Package":"m/a","Elapsed":1.250,"FailedBuild":"x"}
`,
		}, {
			"less than it waited, by another clock", `{"Action":"pass","Package":"m/a","Elapsed":1}` + "\n", `{"Action":"pass","Package":"m/a","Elapsed":0.000}` + "\n",
		}, {
			"without a time", `{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t(cached)\n"}` + "\n" + `{"Action":"pass","Package":"m/a"}` + "\n",
			`{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t(cached)\n"}` + "\n" + `{"Action":"pass","Package":"m/a"}` + "\n",
		},
	} {
		var file strings.Builder
		s, err := New(Options{JSONFile: &file})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		s.Note(result.Waited{Package: "m/a", From: now, To: now.Add(1250 * time.Millisecond)})
		s.Note(result.Waited{Package: "m/b", Process: true, From: now, To: now.Add(time.Second)})
		if err := s.ReadOutput(strings.NewReader(stays + tt.said + other)); err != nil {
			t.Fatal(err)
		}
		s.EndRound()
		s.NextRound()
		// In a rerun it did not wait.
		if err := s.ReadOutput(strings.NewReader(strings.ReplaceAll(other, "m/b", "m/a"))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(); err != nil {
			t.Fatal(err)
		}
		if want := stays + tt.want + other + strings.ReplaceAll(other, "m/b", "m/a"); file.String() != want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, file.String(), want)
		}
	}
}
