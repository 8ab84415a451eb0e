package coverage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestAdd has profiles of two rounds. An empty result stands for an error.
func TestAdd(t *testing.T) {
	const a, b = "m/a.go:1.2,3.4 2 ", "m/b c.go:1.2,3.4 1 "
	for _, tt := range []struct{ first, later, want string }{
		{"mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n"},
		{"mode: set\n" + a + "0\n" + b + "1\n", "mode: set\n" + a + "1\n" + b + "0\n", "mode: set\n" + a + "1\n" + b + "1\n"},
		{"mode: count\n" + a + "3\n", "mode: count\n" + b + "4\n" + a + "2\n", "mode: count\n" + a + "5\n" + b + "4\n"},
		{"mode: atomic\n" + a + "1\n" + a + "1\n", "mode: atomic\n", "mode: atomic\n" + a + "2\n"},
		{"", "mode: set\n" + a + "1\n", "mode: set\n" + a + "1\n"},
		{"mode: set\n" + a + "1\n", "", "mode: set\n" + a + "1\n"},
		{"mode: set\n", "mode: count\n", "mode: set\n"},
		{"mode: set\n", "mode: count\n" + a + "3\n", "mode: count\n" + a + "3\n"},
		{"mode: count\n" + a + "3\n", "mode: set\n", "mode: count\n" + a + "3\n"},
		{"mode: set\n" + a + "1\n", "mode: count\n" + a + "1\n", ""},
		{"mode: set\nx\n", "mode: set\n", ""},
		{"mode: set\n" + a + "1\n", "mode: set\nm/a.go:1.2,3.4 3 1\n", ""},
		{"mode: set\n" + a + "1", "mode: set\n", "mode: set\n" + a + "1\n"},
	} {
		p, _, err := Parse([]byte(tt.first))
		later, _, laterErr := Parse([]byte(tt.later))
		if err == nil && laterErr == nil {
			err = p.Add(later)
		}
		var got bytes.Buffer
		p.Write(&got)
		if failed := err != nil || laterErr != nil; failed != (tt.want == "") || !failed && got.String() != tt.want {
			t.Errorf("%q and %q: %v, %q", tt.first, tt.later, err, got.String())
		}
	}
}

// TestMerge compares profiles in which blocks of several test binaries stand in any
// order with the sum of each block, or 1 at most in mode set.
func TestMerge(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		mode := []string{"set", "count", "atomic"}[seed%3]
		model := make(map[string]int)
		statements := make(map[string]int)
		var merged Profile
		for range 1 + rnd.IntN(3) { // rounds
			text := "mode: " + mode + "\n"
			seen := make(map[string]bool)
			whole := true
			for range rnd.IntN(60) {
				// Some start at the same place and end at others.
				start := 1 + rnd.IntN(4)
				block := fmt.Sprintf("m/p%d/f%d.go:%d.2,%d.%d", rnd.IntN(3), rnd.IntN(2), start, start+rnd.IntN(3), 3+rnd.IntN(2))
				if statements[block] == 0 {
					statements[block] = 1 + rnd.IntN(5)
				}
				n := rnd.IntN(3)
				if mode == "set" {
					n = min(n, 1)
				}
				text += fmt.Sprintf("%s %d %d\n", block, statements[block], n)
				model[block] += n
				whole = whole && !seen[block]
				seen[block] = true
			}
			p, gotWhole, err := Parse([]byte(text))
			if err == nil {
				err = merged.Add(p)
			}
			if err != nil || gotWhole != whole {
				t.Fatalf("seed %d: %v, whole %t, want %t\n%s", seed, err, gotWhole, whole, text)
			}
		}
		var out bytes.Buffer
		merged.Write(&out)
		rest, ok := strings.CutPrefix(out.String(), "mode: "+mode+"\n")
		if !ok {
			t.Fatalf("seed %d: %q", seed, out.String())
		}
		var want Count
		for line := range strings.Lines(rest) {
			fields := strings.Fields(line)
			count, known := model[fields[0]]
			if mode == "set" {
				count = min(count, 1)
			}
			if !known || line != fmt.Sprintf("%s %d %d\n", fields[0], statements[fields[0]], count) {
				t.Errorf("seed %d: %q, want a count of %d", seed, line, count)
			}
			want.add(statements[fields[0]], count > 0)
			delete(model, fields[0])
		}
		if len(model) > 0 {
			t.Errorf("seed %d: missing: %v", seed, model)
		}
		if got := merged.Statements(); got != want {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		c       Count
		text    string
		percent float64
		reaches bool
	}{
		{Count{0, 0}, "0.0%", 100, true},
		{Count{1, 3}, "33.3%", 33.3, true},
		{Count{1, 3}, "33.3%", 33.4, false},
		{Count{7999, 10000}, "80.0%", 80, false},
		{Count{4, 5}, "80.0%", 80, true},
		{Count{5, 5}, "100.0%", 100, true},
	} {
		if tt.c.String() != tt.text || tt.c.Reaches(tt.percent) != tt.reaches {
			t.Errorf("%+v: %v, reaches %v: %t", tt.c, tt.c, tt.percent, tt.c.Reaches(tt.percent))
		}
	}
}
