package mainpanic

import "testing"

func init() { panic("in init") }

func TestX(t *testing.T) {}
