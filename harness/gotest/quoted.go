package gotest

import (
	"fmt"
	"strings"
)

const (
	spaces = " \t\n\r"
	quotes = `'"`
)

// SplitQuoted returns the words of s, a list as the go command takes it in
// GOFLAGS, -exec and -toolexec. Words are separated by white space; a word
// that starts with a quote character, single or double, ends with the next of
// the same kind and may hold white space. Nothing is unescaped, and a quote
// inside a word is an ordinary character. A quote that is not closed is an
// error.
func SplitQuoted(s string) ([]string, error) {
	var words []string
	for {
		s = strings.TrimLeft(s, spaces)
		if s == "" {
			return words, nil
		}
		if strings.ContainsRune(quotes, rune(s[0])) {
			word, rest, closed := strings.Cut(s[1:], s[:1])
			if !closed {
				return nil, fmt.Errorf("unterminated %s string", s[:1])
			}
			words, s = append(words, word), rest
			continue
		}
		end := strings.IndexAny(s, spaces)
		if end < 0 {
			end = len(s)
		}
		words, s = append(words, s[:end]), s[end:]
	}
}

// JoinQuoted returns a string that SplitQuoted splits into the same words.
// Words without white space and quotes stay as they are. A word that needs
// quotes and contains both kinds can't be written, and is an error.
func JoinQuoted(words []string) (string, error) {
	quotedWords := make([]string, len(words))
	for i, word := range words {
		switch {
		case word != "" && !strings.ContainsAny(word, spaces+quotes):
			quotedWords[i] = word
		case !strings.Contains(word, "'"):
			quotedWords[i] = "'" + word + "'"
		case !strings.Contains(word, `"`):
			quotedWords[i] = `"` + word + `"`
		default:
			return "", fmt.Errorf("%s: a word with both kinds of quotes can't be passed to the go command", word)
		}
	}
	return strings.Join(quotedWords, " "), nil
}
