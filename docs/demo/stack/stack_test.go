package stack

import "testing"

func TestPopReturnsTheLastWord(t *testing.T) {
	var s Stack
	s.Push("one")
	s.Push("two")
	if got := s.Pop(); got != "two" {
		t.Errorf("Pop() = %q, want two", got)
	}
}

func TestPopOfAnEmptyStack(t *testing.T) {
	var s Stack
	if got := s.Pop(); got != "" {
		t.Errorf("Pop() = %q, want nothing", got)
	}
}
