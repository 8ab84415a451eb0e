//go:build unix

package pertest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A suite is a random test file.
type suite struct {
	*rand.Rand
	names []string // of its top-level tests, examples and fuzz targets
	text  strings.Builder
}

// Names that contain each other, and what patterns and subtests are made of.
var (
	endings  = []string{"", "A", "B", "AB", "ABC", "A_B", "_a", "1", "12", "Ä", "Äb", "Sub", "SubA", "Long_name_1", "Long_name_12"}
	subtests = []string{"x", "x", "y", "a b", "y/z", "", "TestA", "x#01", "[", "é"}
	pieces   = []string{"A", "B$", "^Test", "Sub", "^TestA$", "1", "Ä", ".", "Example", "Fuzz", "(A|B)", "[AB]$", "None", "", "Long.*2"}
)

func (s *suite) chance(percent int) bool { return s.IntN(100) < percent }

func (s *suite) one(from []string) string { return from[s.IntN(len(from))] }

func (s *suite) some(from []string, most int) []string {
	from = slices.Clone(from)
	s.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(s.IntN(most+1), len(from))]
}

// body writes what a test does.
func (s *suite) body(depth int) {
	s.text.WriteString("ran(t.Name())\n")
	if s.chance(15) {
		s.text.WriteString("t.Parallel()\n")
	}
	if s.chance(20) {
		s.text.WriteString("fmt.Print(\"unfinished\")\n")
	}
	for range s.IntN(4 - depth) {
		fmt.Fprintf(&s.text, "t.Run(%q, func(t *testing.T) {\n", s.one(subtests))
		s.body(depth + 1)
		s.text.WriteString("})\n")
	}
	switch {
	case s.chance(10):
		s.text.WriteString("t.Skip(\"not now\")\n")
	case s.chance(10):
		s.text.WriteString("t.Error(\"wrong\")\n")
	}
}

// prints returns a statement of TestMain that prints something: text with or
// without a newline, or names of tests that may be there or not.
func (s *suite) prints() string {
	text := s.one([]string{"", "setup", "connecting... ", "version=1;", "--- ", "PASS", "Test"})
	if s.chance(50) {
		text += s.one([]string{"Test", "Example", "Fuzz"}) + s.one(endings)
	}
	if s.chance(50) {
		text += "\n"
	}
	return fmt.Sprintf("fmt.Fprint(os.%s, %q)\n", s.one([]string{"Stdout", "Stderr"}), text)
}

func (s *suite) main() {
	if s.chance(20) {
		return
	}
	s.text.WriteString(mainDecl + "\nflag.Parse()\n")
	for range s.IntN(3) {
		s.text.WriteString(s.prints())
	}
	if s.chance(40) { // hides names from the list
		fmt.Fprintf(&s.text, "if flag.Lookup(\"test.list\").Value.String() != \"\" { flag.Set(\"test.list\", %q) }\n", s.one(pieces))
	}
	s.text.WriteString("code := m.Run()\n")
	for range s.IntN(3) {
		s.text.WriteString(s.prints())
	}
	s.text.WriteString("os.Exit(code)\n}\n")
}

// write writes the suite.
func (s *suite) write() string {
	helpers := hostileTests[strings.Index(hostileTests, "// ran leaves"):]
	imports := hostileTests[:strings.Index(hostileTests, "func TestA")]
	s.text.WriteString(hostileImports + imports + helpers)
	s.text.WriteString("var _ testing.TB // there may be no test\n")
	s.main()
	for _, ending := range s.some(endings, 10) {
		s.names = append(s.names, "Test"+ending)
		fmt.Fprintf(&s.text, "func Test%s(t *testing.T) {\n", ending)
		s.body(0)
		s.text.WriteString("}\n")
	}
	for _, ending := range s.some(endings, 3) {
		s.names = append(s.names, "Fuzz"+ending)
		fmt.Fprintf(&s.text, "func Fuzz%s(f *testing.F) {\n", ending)
		for i := range s.IntN(3) {
			fmt.Fprintf(&s.text, "f.Add(%d)\n", i)
		}
		s.text.WriteString("f.Fuzz(func(t *testing.T, n int) { ran(t.Name()) })\n}\n")
	}
	for _, ending := range []string{"", "_a", "_sub", "_long_name_1"} {
		if s.chance(30) {
			s.names = append(s.names, "Example"+ending)
			fmt.Fprintf(&s.text, "func Example%s() {\nran(\"Example%s\")\nfmt.Println(1)\n// Output: %d\n}\n", ending, ending, 1+s.IntN(5)/4)
		}
	}
	return s.text.String()
}

// pattern returns a value for -run or -skip.
func (s *suite) pattern() string {
	var alternatives []string
	for range 1 + s.IntN(3) {
		p := s.one(pieces)
		if s.chance(40) && len(s.names) > 0 {
			p = "^" + s.one(s.names) + "$"
		}
		if s.chance(40) {
			p += "/" + s.one([]string{"x", "y", "y/z", "", "none", "^x$", "x#01", "[xy]", "seed"})
		}
		alternatives = append(alternatives, p)
	}
	return strings.Join(alternatives, "|")
}

func (s *suite) flags() []string {
	var flags []string
	add := func(percent int, flag string) {
		if s.chance(percent) {
			flags = append(flags, "-test."+flag)
		}
	}
	add(60, "run="+s.pattern())
	add(30, "skip="+s.pattern())
	// Package testing does not repeat a round in which no test ran to its end,
	// as one of which no subtest is selected. Which those are depends on what
	// else is in the process.
	if !strings.Contains(strings.Join(flags, ""), "/") {
		add(30, "count="+s.one([]string{"0", "1", "2", "3"}))
	}
	add(20, "cpu="+s.one([]string{"1", "2", "1,2"}))
	add(20, "shuffle="+s.one([]string{"on", "off", "7", "-1"}))
	add(20, "short")
	add(20, "parallel="+s.one([]string{"1", "3"}))
	return flags
}

// TestRandom wants of random test files and flags that every test runs as often
// as it does without a process for each, and is reported as often. The variable
// PGTEST_RANDOM is for how long it tries, PGTEST_SEED where it begins.
func TestRandom(t *testing.T) {
	t.Parallel()
	first, _ := strconv.ParseUint(os.Getenv("PGTEST_SEED"), 10, 64)
	if first == 0 {
		first = rand.Uint64N(1e9) + 1
	}
	limit, _ := time.ParseDuration(os.Getenv("PGTEST_RANDOM"))
	for start, seed := time.Now(), first; seed == first || time.Since(start) < limit; seed++ {
		s := &suite{Rand: rand.New(rand.NewPCG(seed, 0))}
		text := s.write()
		b := buildTests(t, writeModule(t, map[string]string{"m_test.go": text}), ".")
		for range 8 {
			if sameOnce(t, b, nil, s.flags()...); t.Failed() {
				t.Fatalf("PGTEST_SEED=%d\n%s", seed, text)
			}
		}
		os.Remove(b.name)
	}
	t.Logf("PGTEST_SEED=%d", first)
}
