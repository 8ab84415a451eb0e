package sources

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNamesOf(t *testing.T) {
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
	files := []string{"a_test.go", "none_test.go", "b_test.go"}
	for _, tt := range []struct {
		files []string
		kinds []Kind
		want  []string
		whole bool
	}{
		{append(files, "bad_test.go"), Tests, []string{"TestB", "Test", "Test_x", "TestÄ", "FuzzA", "Example", "Example_empty", "Example_unordered", "TestA"}, false},
		{files, []Kind{Benchmark}, []string{"BenchmarkA"}, false},
		{[]string{"b_test.go"}, Tests, []string{"TestA"}, true},
	} {
		if got, whole := NamesOf(dir, tt.files, tt.kinds...); !slices.Equal(got, tt.want) || whole != tt.whole {
			t.Errorf("%q %q: %q, %t, want %q", tt.files, tt.kinds, got, whole, tt.want)
		}
	}
}
