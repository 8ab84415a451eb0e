package good

import (
	"fmt"
	"testing"
)

func TestGood(t *testing.T) {
	t.Log("a line that nobody wants")
	t.Run("with a space/and a slash", func(t *testing.T) {})
}

func TestAttr(t *testing.T) { t.Attr("issue", "https://example.com/1") }

func Example() {
	fmt.Println("good")
	// Output: good
}

func FuzzGood(f *testing.F) {
	f.Add("seed")
	f.Fuzz(func(t *testing.T, s string) {})
}
