package buildfail

import "testing"

func TestX(t *testing.T) {
	undefined(t)
	var s string = 1
}
