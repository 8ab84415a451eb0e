// Package lines has tests whose output can be taken for package testing's.
package lines

import (
	"fmt"
	"os"
	"testing"
)

func TestNoNewline(t *testing.T) { fmt.Print("no newline") }

func TestNoNewlineFails(t *testing.T) {
	fmt.Print("no newline, ")
	t.Error("a reason")
	fmt.Print("and again none")
}

func TestFakeFail(t *testing.T) { fmt.Println("--- FAIL: TestFakeFail (0.00s)") }

func TestFakePass(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		fmt.Println("--- PASS: TestFakePass/sub (0.00s)")
		t.Log("it goes on")
		t.Error("and fails")
	})
}

func TestFakeRun(t *testing.T) {
	fmt.Println("=== RUN   TestNoSuch")
	fmt.Println("=== CONT  TestNoSuch")
	fmt.Println("=== NAME  TestNoSuch")
	fmt.Println("    --- FAIL: TestNoSuch/sub (0.00s)")
}

func TestFakeEnd(t *testing.T) {
	fmt.Println("PASS")
	fmt.Println("ok  \texample.com/awkward/lines\t0.001s")
	fmt.Println("FAIL")
	fmt.Println("FAIL\texample.com/awkward/lines\t0.001s")
}

func TestSubtests(t *testing.T) {
	t.Log("first")
	t.Run("a", func(t *testing.T) {
		t.Log("in a")
		t.Run("b", func(t *testing.T) { fmt.Print("partial in b") })
		t.Log("in a again")
	})
	fmt.Println("between")
	t.Log("between the subtests\nin two lines")
	t.Run("c", func(t *testing.T) { t.Skip("not c") })
	t.Run("d", func(t *testing.T) {
		fmt.Fprint(os.Stderr, "partial in d")
		t.Error("d fails")
	})
	t.Log("last")
}

func TestSkipped(t *testing.T) { t.Skip("never") }
