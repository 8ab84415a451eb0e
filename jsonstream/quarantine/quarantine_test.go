package quarantine

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgtest/jsonstream/event"
)

// TestTake plays events: words are action:test, where a test of a package that is
// over is left out, or an output behind =. Quarantined are tests that begin with
// TestQ, expired those with TestOld.
func TestTake(t *testing.T) {
	const end = " =FAIL =FAIL.m fail"
	for _, tt := range []struct{ name, events, want string }{
		{"a test that fails", "run:TestQ fail:TestQ" + end, "run:TestQ TestQ=Q skip:TestQ =PASS =ok...m pass"},
		{"it passes", "run:TestQ pass:TestQ =PASS pass", "run:TestQ pass:TestQ =PASS pass"},
		{"so does another", "fail:TestQ fail:TestA" + end, "TestQ=Q skip:TestQ fail:TestA =FAIL =FAIL.m fail"},
		{"another before", "fail:TestA fail:TestQ" + end, "fail:TestA TestQ=Q skip:TestQ =FAIL =FAIL.m fail"},
		{"it has expired", "fail:TestOld" + end, "TestOld=E fail:TestOld =FAIL =FAIL.m fail"},
		{"a subtest", "run:TestA run:TestA/Q fail:TestA/Q fail:TestA" + end, "run:TestA run:TestA/Q TestA/Q=Q skip:TestA/Q pass:TestA =PASS =ok...m pass"},
		{"a subtest two levels down", "fail:TestA/b/Q fail:TestA/b fail:TestA" + end, "TestA/b/Q=Q skip:TestA/b/Q pass:TestA/b pass:TestA =PASS =ok...m pass"},
		{"a subtest and another", "fail:TestA/Q fail:TestA/b fail:TestA" + end, "TestA/Q=Q skip:TestA/Q fail:TestA/b fail:TestA =FAIL =FAIL.m fail"},
		{"a subtest and another below", "fail:TestA/Q fail:TestA/b/c fail:TestA/b fail:TestA" + end, "TestA/Q=Q skip:TestA/Q fail:TestA/b/c fail:TestA/b fail:TestA =FAIL =FAIL.m fail"},
		{"a subtest and an error of the test", "fail:TestA/Q TestA!error fail:TestA" + end, "TestA/Q=Q skip:TestA/Q TestA!error fail:TestA =FAIL =FAIL.m fail"},
		{"a subtest and a line of the test", "TestA=L fail:TestA/Q fail:TestA" + end, "TestA=....a_test.go:7:.x TestA/Q=Q skip:TestA/Q fail:TestA =FAIL =FAIL.m fail"},
		{"a line that is no error", "TestA!frame TestA=L fail:TestA/Q fail:TestA" + end, "TestA!frame TestA=....a_test.go:7:.x TestA/Q=Q skip:TestA/Q pass:TestA =PASS =ok...m pass"},
		{"other output of the test", "TestA=x.y fail:TestA/Q fail:TestA" + end, "TestA=x.y TestA/Q=Q skip:TestA/Q pass:TestA =PASS =ok...m pass"},
		{"a subtest, and the test again", "run:TestA fail:TestA/Q fail:TestA run:TestA fail:TestA" + end, "run:TestA TestA/Q=Q skip:TestA/Q pass:TestA run:TestA fail:TestA =FAIL =FAIL.m fail"},
		{"all of a test's subtests", "fail:TestQ/a fail:TestQ" + end, "TestQ/a=Q skip:TestQ/a TestQ=Q skip:TestQ =PASS =ok...m pass"},
		{"a panic", "run:TestQ TestQ=panic:.x fail:TestQ =FAIL.m fail", "run:TestQ TestQ=panic:.x TestQ=Q skip:TestQ =FAIL.m =but.run fail"},
		{"a panic beside a subtest", "fail:TestA/Q TestA=panic:.x fail:TestA =FAIL.m fail", "TestA/Q=Q skip:TestA/Q TestA=panic:.x fail:TestA =FAIL.m fail"},
		{"another exit status", "fail:TestQ =FAIL =exit.status.3 =FAIL.m fail", "TestQ=Q skip:TestQ =PASS =exit.status.3 =FAIL.m =but.reason fail"},
		{"the usual exit status", "fail:TestQ =FAIL =exit.status.1 =FAIL.m fail", "TestQ=Q skip:TestQ =PASS =exit.status.1 =ok...m pass"},
		{"a signal", "fail:TestQ =FAIL =signal:.killed =FAIL.m fail", "TestQ=Q skip:TestQ =PASS =signal:.killed =FAIL.m =but.reason fail"},
		{"a panic of no test", "fail:TestQ =FAIL =panic:.x =FAIL.m fail", "TestQ=Q skip:TestQ =PASS =panic:.x =FAIL.m =but.reason fail"},
		{"no test at all", "pass:TestA" + end, "pass:TestA =FAIL =FAIL.m fail"},
		{"a run of the package that was cut off", "fail:TestA start fail:TestQ" + end, "fail:TestA start TestQ=Q skip:TestQ =PASS =ok...m pass"},
		{"another run without a start", "fail:TestA" + end + " fail:TestQ" + end, "fail:TestA =FAIL =FAIL.m fail TestQ=Q skip:TestQ =PASS =ok...m pass"},
		{"another run after one that passed", "fail:TestA pass fail:TestQ" + end, "fail:TestA pass TestQ=Q skip:TestQ =PASS =ok...m pass"},
		{"another run of the package", "fail:TestQ =FAIL.m fail start fail:TestA" + end, "TestQ=Q skip:TestQ =FAIL.m =but.run fail start fail:TestA =FAIL =FAIL.m fail"},
		{"a file that has it already", "TestOld=E fail:TestOld", "TestOld=E fail:TestOld"},
		{"what a file added", "+fail:TestQ +fail", "+fail:TestQ +fail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &Watch{Of: func(_, test string) Verdict {
				v := Verdict{Until: "2030-01-01", Reason: "why", Where: "f:1:1", Expired: strings.HasPrefix(test, "TestOld")}
				if !strings.HasPrefix(test, "TestQ") && !strings.HasSuffix(test, "/Q") && !v.Expired {
					return Verdict{}
				}
				return v
			}}
			if got := play(t, w, tt.events); got != tt.want {
				t.Errorf("%s\nwant %s", got, tt.want)
			}
		})
	}
	w := &Watch{Cut: true, Of: func(string, string) Verdict { return Verdict{Until: "2030-01-01"} }}
	if got := play(t, w, "fail:TestQ"+end); got != "TestQ=Q skip:TestQ =FAIL =FAIL.m =but.run fail" {
		t.Errorf("with -failfast: %s", got)
	}
}

// TestLines looks at the lines themselves.
func TestLines(t *testing.T) {
	w := &Watch{Of: func(string, string) Verdict { return Verdict{Until: "2030-01-01", Reason: "why", Where: "f:1:1"} }}
	const said = `"Package":"m","Test":"TestA","Output":"    in quarantine until 2030-01-01: why (f:1:1)\n"}`
	for line, want := range map[string]string{
		`{"Time":"2026-01-02T03:04:05.67Z","Action":"fail","Package":"m","Test":"TestA"}`: `{"Time":"2026-01-02T03:04:05.67Z","Action":"output",` + said + "\n" +
			`{"Time":"2026-01-02T03:04:05.67Z","Action":"skip","Package":"m","Test":"TestA"}`,
		`{"Test":"TestA", "Action" : "fail", "Package":"m"}`: `{"Action":"output",` + said + "\n" + `{"Test":"TestA", "Action" : "skip", "Package":"m"}`,
		`{"Action":"fail","Test":"TestA"}`:                   "as it is",
	} {
		lines, changed := w.Take(new(event.Decoder).Decode([]byte(line)))
		got := string(bytes.Join(lines, []byte("\n")))
		if !changed {
			got = "as it is"
		}
		if got != want {
			t.Errorf("%s becomes %s\nwant %s", line, got, want)
		}
	}
	for _, line := range []string{`{"Action":"output","Package":"m","Output":"FAIL\n"}`, `{"Action":"start","Package":"other"}`} {
		w.Take(new(event.Decoder).Decode([]byte(line)))
	}
	if lines, _ := w.Take(new(event.Decoder).Decode([]byte(`{"Action":"fail","Package":"m"}`))); string(bytes.Join(lines, nil)) != `{"Action":"pass","Package":"m"}` {
		t.Errorf("beside another package: %s", lines)
	}
	var decoder event.Decoder
	ev := decoder.Decode([]byte(`{"Action":"fail","Package":"m","Test":"TestA"}`))
	ev.Line = nil
	if _, changed := w.Take(ev); changed {
		t.Error("a piece of a line is replaced")
	}
	for _, test := range []string{"TestD", "TestB", "TestE", "TestC"} {
		w.Take(decoder.Decode([]byte(`{"Action":"fail","Package":"n","Test":"` + test + `"}`)))
	}
	if lines, _ := w.Take(decoder.Decode([]byte(`{"Action":"fail","Package":"n"}`))); !bytes.Contains(bytes.Join(lines, nil), []byte("TestB, TestC, TestD, TestE is in")) {
		t.Errorf("%s", lines)
	}
}

// texts are outputs as words name them.
var texts = strings.NewReplacer("=Q", "=    in quarantine until 2030-01-01: why (f:1:1)", "=L", "=    a_test.go:7: x", "=E", "=    its quarantine has expired: it was until 2030-01-01: why (f:1:1)", "FAIL.m", "FAIL\tm\t0.1s", ".", " ")

// play gives the watch events, and returns those that come of them.
func play(t *testing.T, w *Watch, words string) string {
	var got []string
	var decoder, shown event.Decoder
	for word := range strings.FieldsSeq(words) {
		line := []byte(lineOf(word))
		lines, changed := w.Take(decoder.Decode(line))
		if !changed {
			lines = [][]byte{line}
		}
		for _, line := range lines {
			ev := shown.Decode(line)
			if ev == nil {
				t.Fatalf("%s becomes %q", word, line)
			}
			got = append(got, wordOf(ev))
		}
	}
	return strings.Join(got, " ")
}

func lineOf(word string) string {
	ev := map[string]any{"Time": "2026-01-01T00:00:00Z", "Package": "m"}
	word, added := strings.CutPrefix(word, "+")
	if added {
		ev["NoEnd"] = "failed"
	}
	if test, kind, ok := strings.Cut(word, "!"); ok {
		ev["OutputType"] = kind
		word = test + "=x"
	}
	if test, out, ok := strings.Cut(word, "="); ok {
		ev["Action"], ev["Test"], ev["Output"] = "output", test, strings.TrimPrefix(texts.Replace("="+out), "=")+"\n"
	} else {
		ev["Action"], ev["Test"], _ = strings.Cut(word, ":")
	}
	if ev["Test"] == "" {
		delete(ev, "Test")
	}
	line, _ := json.Marshal(ev)
	return string(line)
}

func wordOf(ev *event.Event) string {
	word := ev.Action.String()
	if len(ev.Test) > 0 {
		word += ":" + string(ev.Test)
	}
	if out := ev.Output.String(); ev.Kind == event.Output {
		switch {
		case len(ev.OutputType.Raw) > 0:
			return string(ev.Test) + "!" + ev.OutputType.String()
		case strings.HasSuffix(out, "did not run; with isolate = \"test\" they do\n"):
			out = "but.run"
		case strings.HasSuffix(out, "is in quarantine, but the package failed for another reason\n"):
			out = "but.reason"
		case strings.HasPrefix(out, "    in quarantine until "):
			out = "Q"
		case strings.HasPrefix(out, "    its quarantine has expired"):
			out = "E"
		}
		word = string(ev.Test) + "=" + strings.NewReplacer(" ", ".", "\t0.1s", "", "\t", ".").Replace(strings.TrimSuffix(out, "\n"))
	}
	if len(ev.NoEnd.Raw) > 0 {
		word = "+" + word
	}
	return word
}
