package fail

import (
	"fmt"
	"testing"
)

func TestPass(t *testing.T) { t.Log("fine") }

func TestFail(t *testing.T) {
	fmt.Println("about to fail")
	t.Errorf("want %q,\ngot <%s> & \\ more", "a\tb", "ü")
}

func TestSubFail(t *testing.T) {
	t.Run("good", func(t *testing.T) { t.Log("good") })
	t.Run("bad", func(t *testing.T) {
		t.Run("deep one", func(t *testing.T) { t.Fatal("deep") })
		t.Run("skipped", func(t *testing.T) { t.Skip("not here") })
	})
}

func TestRootFails(t *testing.T) {
	t.Run("a", func(t *testing.T) { t.Log("in a") })
	t.Run("b", func(t *testing.T) { fmt.Println("in b") })
	t.Run("c", func(t *testing.T) { t.Skip("in c") })
	t.Fatal("the root itself")
}

func Example_fails() {
	fmt.Println("1")
	// Output: 2
}

func TestNoNewline(t *testing.T) {
	fmt.Print("no newline")
}
