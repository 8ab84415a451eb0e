package sources

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// files are files of a package that were parsed.
type files struct {
	files []*file
	tests map[string][]decl // by name
}

// A file is what is known of a Go file.
type file struct {
	path      string
	built     bool     // it can be in its package
	functions [][2]int // their first and last lines
	claims    []string // the files that its //line directives name, if there are any
	set       *token.FileSet
	file      *token.File // if there are claims
}

// A decl is the declaration of a test function.
type decl struct {
	file    *file
	line    int
	claimed token.Position // by a //line directive, else the same
}

// testFiles parses the test files of a directory, once.
func (l *Locator) testFiles(dir string) *files { return l.parse(dir, true) }

// allFiles parses the other files of a directory, too.
func (l *Locator) allFiles(dir string) []*file {
	return slices.Concat(l.testFiles(dir).files, l.parse(dir, false).files)
}

func (l *Locator) parse(dir string, tests bool) *files {
	key := parsed{dir, tests}
	if p := l.packages[key]; p != nil {
		return p
	}
	p := &files{tests: make(map[string][]decl)}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if isGo(e.Name()) && strings.HasSuffix(e.Name(), "_test.go") == tests {
			p.parse(filepath.Join(dir, e.Name()))
		}
	}
	for _, f := range p.files {
		f.built = l.mayBeBuilt(f.path)
	}
	l.packages[key] = p
	return p
}

// parsed are the files of a directory that were parsed together.
type parsed struct {
	dir   string
	tests bool
}

// parse adds a file, unless it can't be read or parsed.
func (p *files) parse(path string) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return
	}
	f := &file{path: path}
	if bytes.Contains(text, []byte("//line ")) || bytes.Contains(text, []byte("/*line ")) {
		f.set, f.file = set, set.File(syntax.FileStart)
		f.addClaims()
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			line := func(pos token.Pos) int { return set.PositionFor(pos, false).Line }
			f.functions = append(f.functions, [2]int{line(n.Pos()), line(n.End())})
		}
		return true
	})
	for _, d := range syntax.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && isTestFunction(d) {
			p.tests[d.Name.Name] = append(p.tests[d.Name.Name], decl{f, set.PositionFor(d.Name.Pos(), false).Line, set.Position(d.Name.Pos())})
		}
	}
	p.files = append(p.files, f)
}

// addClaims adds the files that the file's lines are said to be in.
func (f *file) addClaims() {
	for line := range f.file.LineCount() {
		at := f.set.Position(f.file.LineStart(line + 1))
		if claims := at.Filename != f.path || at.Line != line+1; claims && !slices.Contains(f.claims, at.Filename) {
			f.claims = append(f.claims, at.Filename)
		}
	}
}

// inFunction reports whether a line of the file is in a function, and is not said
// to be another one.
func (f *file) inFunction(line int) bool {
	if f.file != nil {
		if line > f.file.LineCount() || slices.Contains(f.claims, f.path) {
			return false
		}
		if at := f.set.Position(f.file.LineStart(line)); at.Filename != f.path || at.Line != line {
			return false
		}
	}
	return slices.ContainsFunc(f.functions, func(lines [2]int) bool { return lines[0] <= line && line <= lines[1] })
}

// isTestFunction reports whether go test takes a function for a test, an example,
// a benchmark or a fuzz test.
func isTestFunction(d *ast.FuncDecl) bool {
	name, takes := d.Name.Name, len(d.Type.Params.List)
	return d.Recv == nil && name != "TestMain" && (takes == 0 && isTest(name, "Example") ||
		takes == 1 && (isTest(name, "Test") || isTest(name, "Fuzz") || isTest(name, "Benchmark")))
}
