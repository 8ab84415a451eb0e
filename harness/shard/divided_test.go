package shard

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDivided merges parts of a package: what starts once ends once, as the worst
// of its parts, whichever comes first.
func TestDivided(t *testing.T) {
	event := func(action, more string) string {
		return fmt.Sprintf(`{"Action":%q,"Package":"p"%s}`+"\n", action, more)
	}
	long := event("output", `,"Output":"`+strings.Repeat("x", 1<<20)+`\n"`)
	passes := event("start", "") + long + event("pass", `,"Test":"TestA"`) + event("pass", `,"Elapsed":1`)
	fails := event("start", "") + event("fail", `,"Elapsed":2,"FailedBuild":"b"`)
	skips := event("start", "") + event("skip", `,"Elapsed":0`)
	cut := event("start", "") + event("output", `,"Output":"x"`)
	other := `{"Action":"start","Package":"q"}` + "\n" + `{"Action":"pass","Package":"q"}` + "\n"
	body := func(text string) string {
		return strings.TrimSuffix(strings.TrimPrefix(text, event("start", "")), event("pass", `,"Elapsed":1`))
	}
	end := func(action, elapsed, more string) string {
		return fmt.Sprintf(`{"Action":%q,"Elapsed":%s%s,"Package":"p"}`+"\n", action, elapsed, more)
	}
	start := event("start", "")
	for name, tt := range map[string]struct {
		parts []string
		want  string
	}{
		"once":                 {[]string{passes, other}, passes + other},
		"passes, fails":        {[]string{passes + other, fails}, start + body(passes) + other + end("fail", "3", `,"FailedBuild":"b"`)},
		"fails, passes":        {[]string{fails, passes}, start + body(passes) + end("fail", "3", `,"FailedBuild":"b"`)},
		"skips, passes":        {[]string{skips, passes}, start + body(passes) + end("pass", "1", "")},
		"three":                {[]string{passes, skips, passes}, start + body(passes) + body(passes) + end("pass", "2", "")},
		"one is cut off":       {[]string{passes, cut}, start + body(passes) + event("output", `,"Output":"x"`)},
		"the first is cut off": {[]string{cut, passes}, start + event("output", `,"Output":"x"`) + body(passes)},
		"says more":            {[]string{passes + event("output", `,"Output":"x"`), fails}, start + body(passes) + event("output", `,"Output":"x"`) + end("fail", "3", `,"FailedBuild":"b"`)},
		"in several rounds":    {[]string{passes + `{"Action":"output","Package":"p","NoEnd":"round 2"}` + "\n" + passes, passes}, start + body(passes) + body(passes) + end("pass", "2", "") + `{"Action":"output","Package":"p","NoEnd":"round 2"}` + "\n" + passes},
	} {
		dir := t.TempDir()
		var files []File
		for i, text := range tt.parts {
			m := Mark{Index: i + 1, Total: len(tt.parts)}
			path := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(path, append(m.Line(), text...), 0o666); err != nil {
				t.Fatal(err)
			}
			f, err := Scan(path)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		before := descriptors()
		merged, err := io.ReadAll(Merge(files))
		if after := descriptors(); after != before {
			t.Errorf("%s: %d descriptors are open, and %d were", name, after, before)
		}
		got := ""
		for line := range strings.Lines(string(merged)) {
			if !strings.Contains(line, `"NoEnd":"shard"`) {
				got += line
			}
		}
		short := strings.NewReplacer(long, "LONG\n")
		if err != nil || got != tt.want {
			t.Errorf("%s: %v:\n%s\nwant\n%s", name, err, short.Replace(got), short.Replace(tt.want))
		}
	}
}

// descriptors returns how many this process has open, 0 where the system does not say.
func descriptors() int {
	open, _ := os.ReadDir("/dev/fd")
	return len(open)
}
