package pattern

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Others returns patterns that divide all names except the listed ones: each
// name that is not in the list is left unmatched by exactly one of the
// patterns, and each name in the list is matched by all of them. As -skip of
// one process each, with the same -run, the patterns run every other test once.
// A pattern has one element and is at most limit bytes long, if the names allow
// that. It begins with a bracket, so another pattern may follow after a '|'.
// For an empty list Others returns one empty pattern, which as -skip leaves out
// nothing.
//
// A pattern is one expression for all of its names, not an alternative for
// each, because package testing compiles every alternative anew for every name.
func Others(names []string, limit int) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return []string{""}
	}
	return others(names, "", "", limit)
}

// others is Others for the names from low to below high in lexical order, where
// "" is no bound.
func others(names []string, low, high string, limit int) []string {
	var alternatives []string
	if low != "" {
		alternatives = append(alternatives, below(low))
	}
	alternatives = append(alternatives, oneOf(names))
	if high != "" {
		alternatives = append(alternatives, from(high))
	}
	if p := "(?s:^(?:" + strings.Join(alternatives, "|") + ")$)"; fits(p, limit) || len(names) < 2 {
		return []string{p}
	}
	half := len(names) / 2
	// The shortest text between the two halves.
	cut := names[half][:common(names[half-1], names[half])]
	_, size := utf8.DecodeRuneInString(names[half][len(cut):])
	cut = names[half][:len(cut)+size]
	return append(others(names[:half], low, cut, limit), others(names[half:], cut, high, limit)...)
}

// fits reports whether an expression is short enough, and not nested too deeply
// for package regexp.
func fits(expr string, limit int) bool {
	if len(expr) > limit {
		return false
	}
	_, err := syntax.Parse(expr, syntax.Perl)
	return err == nil
}

// oneOf returns an expression that matches the names, which are sorted, each
// once: a tree of their common prefixes.
func oneOf(names []string) string {
	prefix := names[0][:common(names[0], names[len(names)-1])]
	var b strings.Builder
	b.WriteString(regexp.QuoteMeta(prefix))
	if len(names) == 1 {
		return b.String()
	}
	var alternatives []string
	for rest := names; len(rest) > 0; {
		first, size := utf8.DecodeRuneInString(rest[0][len(prefix):])
		n := 1
		for n < len(rest) && size > 0 && strings.HasPrefix(rest[n][len(prefix):], string(first)) {
			n++
		}
		branch := make([]string, n)
		for i, name := range rest[:n] {
			branch[i] = name[len(prefix):]
		}
		alternatives = append(alternatives, oneOf(branch))
		rest = rest[n:]
	}
	return b.String() + "(?:" + strings.Join(alternatives, "|") + ")"
}

// common returns the length of the common prefix of two names, in whole runes.
func common(a, b string) int {
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			return i
		}
	}
	return len(a)
}

// below returns an expression for what precedes a text in lexical order,
// prefixes of the text included.
func below(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	expr := `[\x{0}-` + escape(r-1) + `].*`
	if rest := text[size:]; rest != "" {
		expr += "|" + regexp.QuoteMeta(text[:size]) + below(rest)
	}
	return "(?:" + expr + ")?"
}

// from returns an expression for a text and what follows it in lexical order.
func from(text string) string {
	if text == "" {
		return ".*"
	}
	r, size := utf8.DecodeRuneInString(text)
	return "(?:[" + escape(r+1) + `-\x{10FFFF}].*|` + regexp.QuoteMeta(text[:size]) + from(text[size:]) + ")"
}

func escape(r rune) string { return `\x{` + strconv.FormatInt(int64(r), 16) + `}` }
