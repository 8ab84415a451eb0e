// Package exits ends its process in the middle of a line.
package exits

import (
	"fmt"
	"os"
	"testing"
)

func TestBefore(t *testing.T) { t.Log("before") }

func TestExits(t *testing.T) {
	fmt.Print("and out")
	os.Exit(3)
}
