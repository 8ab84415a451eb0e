// Package sources knows which tests Go source files declare, and where.
package sources

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Kind is what go test takes a function for, by the beginning of its name.
type Kind string

const (
	Test      Kind = "Test"
	Benchmark Kind = "Benchmark"
	Fuzz      Kind = "Fuzz"
	Example   Kind = "Example"
)

// Tests are the kinds that -run selects.
var Tests = []Kind{Test, Fuzz, Example}

// NamesOf returns the functions of some kinds that are declared in files of a
// directory, in their order, of the examples only those with an output. Files
// that can't be read or parsed have none; whole is then false.
func NamesOf(dir string, files []string, kinds ...Kind) (names []string, whole bool) {
	whole = true
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			whole = false
			continue
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && len(f.Type.Params.List) == 1 && f.Name.Name != "TestMain" &&
				slices.ContainsFunc(kinds, func(k Kind) bool { return k != Example && isTest(f.Name.Name, string(k)) }) {
				names = append(names, f.Name.Name)
			}
		}
		if !slices.Contains(kinds, Example) {
			continue
		}
		for _, example := range doc.Examples(file) {
			if example.Output != "" || example.EmptyOutput {
				names = append(names, "Example"+example.Name)
			}
		}
	}
	return names, whole
}

// isTest reports whether a name is that of a test, by the rules of go test.
func isTest(name, kind string) bool {
	rest, ok := strings.CutPrefix(name, kind)
	first, _ := utf8.DecodeRuneInString(rest)
	return ok && !unicode.IsLower(first)
}
