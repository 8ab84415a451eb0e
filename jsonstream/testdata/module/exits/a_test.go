package exits

import (
	"fmt"
	"os"
	"testing"
)

func TestPass(t *testing.T) {}

func TestExit(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		fmt.Println("leaving")
		os.Exit(3)
	})
}
