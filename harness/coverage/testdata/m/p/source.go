package p

// T has a method.
type T[V any] struct{ v V }

func init() {}

func init() { n = 1 }

var n int

/* A comment, and code: */
func (t *T[V]) Method(n int) (text string) {
	// A comment.
	if n > 1 {
		return `more
than one line`
	} else {
		n++
	}

	f := func() int {
		return n
	}
	return string(rune(f()))
}

//line other.go:100
func line() int { return 1 }
