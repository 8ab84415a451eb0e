package first

import "testing"

func TestFirst(t *testing.T) {}
