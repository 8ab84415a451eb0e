package format

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bitfield/gotestdox"
	"gotest.tools/gotestsum/testjson"

	"pgtest/harness/harnesstest/race"
)

func FuzzPrettify(f *testing.F) {
	for _, name := range []string{
		"Test", "TestA", "TestHandleInput", "TestHandleInput_ClosesInput", "TestHTTPServer_IsFast", "TestIsAs", "TestURLs", "TestURLsAre",
		"TestA/b_c", "TestA/B=3", "TestX/n=-5", "Test_x", "Test__", "Test/", "Test/a//b", "FuzzThing", "FuzzTestThing/seed#0", "TestABC123Def",
		"Test123", "Test1a2b", "TestSum100", "TestÜber", "TestIt's", "Test'quoted'Word", "TestA-B", "TestFoo/has_well-formed_output", "TestUTF8s",
		"BenchmarkX", "Example_usage", "Tests", "TestsAs_BCs", "TestAB_cD_EF", "Test_A_B_C", "TestSSs", "TestXs", "TestASet",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := prettify(name), gotestdox.Prettify(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	})
}

// TestTestdoxLikeTestjson compares the format with testjson's, with many equal
// sentences and every set of icons.
func TestTestdoxLikeTestjson(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, icons := range append(Icons(), "") {
		for _, color := range []bool{false, true} {
			SetColor(color)
			opts := testjson.FormatOptions{Icons: icons}
			var got, want bytes.Buffer
			ours, theirs := newTestdox(&got, opts), testjson.NewEventFormatter(&want, "testdox", opts)
			var events []testjson.TestEvent
			for i := range 3000 {
				events = append(events, testjson.TestEvent{
					Action:  []testjson.Action{"pass", "fail", "skip"}[i%3],
					Package: fmt.Sprint("p", i%2), Test: fmt.Sprint("TestSome_Thing", random.IntN(50)), Elapsed: float64(i),
				})
			}
			events = append(events, testjson.TestEvent{Action: "pass", Package: "p0"}, testjson.TestEvent{Action: "fail", Package: "p1"})
			for _, ev := range events {
				ours.Format(ev, nil)
				theirs.Format(ev, nil)
			}
			SetColor(false)
			if got.String() != want.String() {
				t.Errorf("icons %q, colour %v:\n%s\nwant\n%s", icons, color, &got, &want)
			}
		}
	}
}

// TestPrettifyRandom compares short names of the characters that matter.
func TestPrettifyRandom(t *testing.T) {
	const alphabet = "AABbabss1_/-='x T"
	random := rand.New(rand.NewPCG(5, 6))
	n := 20_000
	if race.Enabled {
		n = 2000
	}
	for range n {
		name := make([]byte, random.IntN(12))
		for i := range name {
			name[i] = alphabet[random.IntN(len(alphabet))]
		}
		for _, prefix := range []string{"Test", "", "Fuzz"} {
			n := prefix + string(name)
			if got, want := prettify(n), gotestdox.Prettify(n); got != want {
				t.Fatalf("%q becomes %q, want %q", n, got, want)
			}
		}
	}
}
