package parallel

import (
	"fmt"
	"testing"
)

func TestParallel(t *testing.T) {
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 3 {
				t.Log(name, i)
				fmt.Println("printed by", name)
			}
			if name == "two" {
				t.Error("two fails")
			}
		})
	}
}

func TestOther(t *testing.T) {
	t.Parallel()
	t.Log("other")
}

func TestThird(t *testing.T) {
	t.Parallel()
	t.Skip("third")
}
