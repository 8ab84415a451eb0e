package timeout

import (
	"fmt"
	"testing"
)

func TestPass(t *testing.T) {}

func TestHang(t *testing.T) {
	fmt.Println("hanging")
	t.Run("sub", func(t *testing.T) { select {} })
}
