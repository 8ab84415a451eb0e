package second

import "testing"

func TestSecond(t *testing.T) {}
