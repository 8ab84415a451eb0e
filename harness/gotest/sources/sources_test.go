package sources

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTestsOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a_test.go": `package a

func TestMain(m *testing.M) {}
func TestB(t *testing.T)    {}
func Test(t *testing.T)     {}
func Testing(t *testing.T)  {}
func Test_x(t *testing.T)   {}
func TestÄ(t *testing.T)    {}
func TestNone()             {}
func (s suite) TestM(t *testing.T) {}
func FuzzA(f *testing.F)      {}
func BenchmarkA(b *testing.B) {}
func Example() {
	// Output: x
}
func Example_empty() {
	// Output:
}
func Example_unordered() {
	// Unordered output: x
}
func Example_compiled() {}
`,
		"b_test.go":   "package a_test\n\nfunc TestA(t *testing.T) {}\n",
		"bad_test.go": "package",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got := TestsOf(dir, []string{"a_test.go", "bad_test.go", "none_test.go", "b_test.go"})
	want := []string{"TestB", "Test", "Test_x", "TestÄ", "FuzzA", "Example", "Example_empty", "Example_unordered", "TestA"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
