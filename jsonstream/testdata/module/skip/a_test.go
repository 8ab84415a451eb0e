package skip

import "testing"

func TestSkip(t *testing.T) { t.Skip("no network") }

func TestSkipNow(t *testing.T) { t.SkipNow() }

func TestSubs(t *testing.T) {
	t.Run("one", func(t *testing.T) { t.Skip("one\nof two lines") })
	t.Run("two", func(t *testing.T) {})
}
