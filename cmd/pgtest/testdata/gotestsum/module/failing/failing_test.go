package failing

import "testing"

func TestFails(t *testing.T) { t.Error("as it does each time") }

func TestSubtest(t *testing.T) {
	t.Run("passes", func(t *testing.T) {})
	t.Run("fails here/and there", func(t *testing.T) { t.Fatal("got 1, want 2") })
}

func TestPasses(t *testing.T) {}
