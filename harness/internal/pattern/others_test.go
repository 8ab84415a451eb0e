package pattern

import (
	"fmt"
	"math/rand"
	"regexp"
	"strings"
	"testing"
)

func TestOthers(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	random := func() string {
		var b strings.Builder
		for range 1 + rng.Intn(6) {
			b.WriteRune([]rune("ABa_0é日\U0010FFFD")[rng.Intn(8)])
		}
		return b.String()
	}
	for i := range 300 {
		var listed []string
		for range 1 + rng.Intn(40) {
			listed = append(listed, random())
		}
		limit := []int{1 << 20, 1000, 200, 1}[i%4]
		patterns := Others(listed, limit)
		if i%4 == 0 && len(patterns) != 1 {
			t.Errorf("%d patterns for %q", len(patterns), listed)
		}
		var exprs []*regexp.Regexp
		for _, p := range patterns {
			exprs = append(exprs, regexp.MustCompile(p))
		}
		in := make(map[string]bool)
		for _, name := range listed {
			in[name] = true
		}
		probes := append(listed, "", "T", "zzz", "A.B")
		for range 100 {
			probes = append(probes, random())
		}
		for _, name := range probes {
			left := 0
			for _, expr := range exprs {
				if !expr.MatchString(name) {
					left++
				}
			}
			want := 1
			if in[name] {
				want = 0
			}
			if left != want {
				t.Fatalf("limit %d, names %q: %q is left alone by %d patterns, want %d:\n%s",
					limit, listed, name, left, want, strings.Join(patterns, "\n"))
			}
		}
	}
	if got := Others(nil, 10); len(got) != 1 || got[0] != "" {
		t.Errorf("Others of no names: %q", got)
	}
}

// TestOthersSize wants patterns that fit into an argument, and that package
// regexp takes.
func TestOthersSize(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	deep := "Test"
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("Test%x%x%d", rng.Uint64(), rng.Uint64(), i))
		if i < 500 {
			deep += "A"
			names = append(names, deep)
		}
	}
	const limit = 100_000
	patterns := Others(names, limit)
	if len(patterns) < 2 {
		t.Errorf("%d patterns: the names fit into one", len(patterns))
	}
	for _, p := range patterns {
		if len(p) > limit {
			t.Errorf("a pattern has %d bytes", len(p))
		}
		re, err := regexp.Compile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(names); i += 100 {
			if !re.MatchString(names[i]) {
				t.Errorf("%s is not matched", names[i])
			}
		}
	}
}
