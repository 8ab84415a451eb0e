package coverage

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/cover"
)

// A File is a file of a profile, line by line.
type File struct {
	// Name is the import path and the file's name, as in the profile, Package the
	// import path.
	Name, Package string
	// Path is where the file is, "" if nobody knows.
	Path string
	// Lines are those with statements, in order. Lines of comments and of
	// brackets alone are left out if the file can be read.
	Lines []Line
	// Functions are those that the file declares, in order. There are none if the
	// file can't be read.
	Functions []Function
}

// A Line says how often a line ran: as often as that part of it which ran most
// often.
type Line struct{ Number, Count int }

// A Function is a function or method.
type Function struct {
	Name       string // of a method with its type before it: T.Name
	Start, End int    // lines
	Count      int    // how often it was called
}

// Lines returns the profile's files line by line. Dir says in which directory the
// files of an import path are, or "".
func (p *Profile) Lines(dir func(importPath string) string) []File {
	var all []File
	for _, profile := range p.Files {
		f := File{Name: profile.FileName, Package: path.Dir(profile.FileName)}
		if filepath.IsAbs(f.Name) {
			f.Path = f.Name
		} else if d := dir(f.Package); d != "" {
			f.Path = filepath.Join(d, path.Base(f.Name))
		}
		source, err := os.ReadFile(f.Path)
		// A //line directive may have sent the compiler to a file of another kind.
		known := err == nil && fits(profile, source) && strings.HasSuffix(f.Path, ".go")
		counts := lineCounts(profile)
		if known {
			code := codeLines(source)
			maps.DeleteFunc(counts, func(line, _ int) bool { return !code[line] })
			f.Functions = functions(profile, source)
		}
		for _, number := range slices.Sorted(maps.Keys(counts)) {
			f.Lines = append(f.Lines, Line{number, counts[number]})
		}
		all = append(all, f)
	}
	return all
}

// fits reports whether a source has the places of a profile. If not, it changed
// after it was compiled.
func fits(f *cover.Profile, source []byte) bool {
	lines := bytes.Count(source, []byte("\n")) + 1
	return !slices.ContainsFunc(f.Blocks, func(b cover.ProfileBlock) bool { return b.EndLine > lines })
}

// lineCounts returns how often each line of the blocks with statements ran.
func lineCounts(f *cover.Profile) map[int]int {
	counts := make(map[int]int)
	for _, b := range f.Blocks {
		if b.NumStmt == 0 {
			continue
		}
		for line := b.StartLine; line <= b.EndLine; line++ {
			counts[line] = max(counts[line], b.Count)
		}
	}
	return counts
}

// codeLines returns the lines that have more than comments, brackets and else.
func codeLines(source []byte) map[int]bool {
	lines := make(map[int]bool)
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, 0)
	for {
		pos, what, text := s.Scan()
		switch what {
		case token.EOF:
			return lines
		case token.LBRACE, token.RBRACE, token.LPAREN, token.RPAREN, token.LBRACK, token.RBRACK,
			token.COMMA, token.SEMICOLON, token.ELSE:
		default:
			first := files.PositionFor(pos, false).Line
			for line := range bytes.Count([]byte(text), []byte("\n")) + 1 {
				lines[first+line] = true
			}
		}
	}
}

// functions returns the functions that a source declares. A second one of the same
// name, as of init, has its number behind it.
func functions(f *cover.Profile, source []byte) []Function {
	files := token.NewFileSet()
	// What can be parsed is as good as ever.
	parsed, _ := parser.ParseFile(files, "", source, parser.SkipObjectResolution)
	if parsed == nil {
		return nil
	}
	var all []Function
	seen := make(map[string]int)
	for _, decl := range parsed.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Body == nil {
			continue
		}
		start, end := files.PositionFor(d.Pos(), false), files.PositionFor(d.End(), false)
		fn := Function{Name: d.Name.Name, Start: start.Line, End: end.Line}
		if d.Recv != nil && len(d.Recv.List) == 1 {
			fn.Name = typeName(d.Recv.List[0].Type) + "." + fn.Name
		}
		name := fn.Name
		if n := seen[name]; n > 0 {
			fn.Name = fmt.Sprintf("%s.%d", name, n)
		}
		seen[name]++
		first, _ := slices.BinarySearchFunc(f.Blocks, start, startsAt)
		if first < len(f.Blocks) && startsAt(f.Blocks[first], end) < 0 {
			fn.Count = f.Blocks[first].Count
			all = append(all, fn)
		}
	}
	return all
}

// startsAt compares a block's start with a position.
func startsAt(b cover.ProfileBlock, p token.Position) int {
	return cmp.Or(b.StartLine-p.Line, b.StartCol-p.Column)
}

// typeName is the name of a receiver's type, without its parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ParenExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	}
	return ""
}

// count counts the lines.
func count(lines []Line) Count {
	var c Count
	for _, l := range lines {
		c.add(1, l.Count > 0)
	}
	return c
}
