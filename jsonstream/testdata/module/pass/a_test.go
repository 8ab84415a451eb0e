package pass

import (
	"fmt"
	"testing"
)

func TestAdd(t *testing.T) {
	t.Log("adding")
	for _, n := range []int{1, 2, 3} {
		t.Run(fmt.Sprint("n=", n), func(t *testing.T) {
			fmt.Println("printed", n)
			if Add(n, 1) != n+1 {
				t.Fail()
			}
		})
	}
}

func TestQuiet(t *testing.T) {}

func ExampleAdd() {
	fmt.Println(Add(1, 2))
	// Output: 3
}
