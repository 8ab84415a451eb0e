package reach

import (
	"bytes"
	"fmt"
	"go/build/constraint"
	"go/scanner"
	"go/token"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// excludes reports whether the old text of a file was no part of a package, for
// this build. It is sure of that.
func (s *search) excludes(p *Package, f File) bool {
	base := filepath.Base(f.Path)
	if f.New != nil && p.knows(base) && !p.files[base] && condition(f.Old) == condition(f.New) {
		return true
	}
	ctx := s.Build
	ctx.ReleaseTags = releases(p.goVersion)
	sure := true
	if expr, err := constraint.Parse(condition(f.Old)); err == nil {
		expr.Eval(func(tag string) bool {
			// What the toolchain and the C compiler decide.
			sure = sure && tag != "cgo" && (!strings.Contains(tag, ".") || slices.Contains(ctx.ReleaseTags, tag))
			return true
		})
	}
	if !sure {
		return false
	}
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Old)), nil }
	matches, err := ctx.MatchFile(p.Dir, base)
	return err == nil && !matches
}

// releases are the tags of the Go releases up to the one that a module asks for. A
// toolchain that builds it has these at least.
func releases(goVersion string) (tags []string) {
	words := strings.Split(goVersion, ".")
	if len(words) < 2 {
		return nil
	}
	minor, _ := strconv.Atoi(words[1]) // not of 1.21rc1
	for n := 1; n <= minor; n++ {
		tags = append(tags, fmt.Sprintf("go1.%d", n))
	}
	return tags
}

// condition is the line of a file that says for which builds it is.
func condition(text []byte) string {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if constraint.IsGoBuild(string(line)) {
			return string(line)
		}
		if bytes.HasPrefix(line, []byte("package ")) || bytes.HasPrefix(line, []byte("#include")) {
			break
		}
	}
	return ""
}

// sameCode reports whether two texts of a Go file are compiled to the same: they
// differ in comments alone, and everything else is where it was. Where types and
// constants are is nothing that a program knows.
func sameCode(base string, old, now []byte) bool {
	if bytes.Equal(old, now) {
		return true
	}
	if filepath.Ext(base) != ".go" {
		return false
	}
	x, ok := tokensOf(old)
	y, ok2 := tokensOf(now)
	return ok && ok2 && slices.Equal(x, y)
}

// codeless reports whether a Go file adds nothing to a package of a name: it has a
// package clause and comments.
func codeless(text []byte, name string) bool {
	all, ok := tokensOf(text)
	return ok && len(all) == 3 && all[0].text == "package"+"package" && all[1].text == "IDENT"+name
}

// An item is a token of Go source, and where it is.
type item struct {
	at   token.Position
	text string
}

// tokensOf returns the tokens of a Go file, with the comments that mean
// something, and false if it can't tell.
func tokensOf(text []byte) (all []item, ok bool) {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(text))
	var s scanner.Scanner
	failed, runs := false, false
	output := false // what follows is the output of an example
	s.Init(file, text, func(token.Position, string) { failed = true }, scanner.ScanComments)
	for {
		pos, kind, lit := s.Scan()
		switch {
		case kind == token.EOF:
			if !runs {
				for i := range all {
					all[i].at = token.Position{}
				}
			}
			return all, !failed
		case kind == token.STRING && lit == `"C"`:
			return nil, false // the comment above the import is source
		case kind == token.SEMICOLON && lit == "\n":
			// A comment moves it.
			all = append(all, item{text: kind.String()})
			continue
		case kind == token.COMMENT:
			output = output || strings.Contains(strings.ToLower(lit), "output:")
			if !output && !isDirective(lit) {
				continue
			}
		default:
			output = false
			runs = runs || kind == token.FUNC || kind == token.VAR
		}
		at := files.PositionFor(pos, false)
		at.Offset = 0
		all = append(all, item{at, kind.String() + lit})
	}
}

// isDirective reports whether tools read a comment.
func isDirective(comment string) bool {
	return slices.ContainsFunc([]string{"go:", "line ", "export ", "+build", " +build"}, func(prefix string) bool {
		return strings.HasPrefix(comment[2:], prefix)
	})
}

// named returns the paths that the tests of a package name outside of its
// directory, as in "../testdata".
func (p *Package) named(read func(string) []byte) (paths []string) {
	for _, base := range p.tests {
		text := read(filepath.Join(p.Dir, base))
		if bytes.Contains(text, []byte(`".."`)) || bytes.Contains(text, []byte("../")) {
			paths = append(paths, pathsIn(p.Dir, text)...)
		}
	}
	return paths
}

// pathsIn returns the paths outside of a directory that string literals name, also
// several of a call of Join.
func pathsIn(dir string, text []byte) (paths []string) {
	files := token.NewFileSet()
	var s scanner.Scanner
	s.Init(files.AddFile("", -1, len(text)), text, nil, 0)
	var elements []string
	flush := func() {
		path := filepath.Join(append([]string{dir}, elements...)...)
		if _, in := within(path, dir); !in {
			paths = append(paths, path)
		}
		elements = nil
	}
	joins, name := false, ""
	for {
		_, kind, lit := s.Scan()
		switch value, err := strconv.Unquote(lit); {
		case kind == token.EOF:
			return paths
		case kind == token.STRING && err == nil:
			known, all := literal(value)
			elements = append(elements, known...)
			if !joins || !all {
				flush()
			}
		case kind != token.COMMA || !joins:
			flush()
		}
		if kind == token.LPAREN || kind == token.RPAREN {
			joins = kind == token.LPAREN && name == "Join"
		}
		name = lit
	}
}

// literal returns the elements of a path up to the first one that stands for
// others, and whether these are all.
func literal(path string) (elements []string, all bool) {
	elements = strings.Split(path, "/")
	if filepath.IsAbs(path) {
		return nil, false
	}
	end := slices.IndexFunc(elements, func(e string) bool { return e == "..." || strings.ContainsAny(e, "*?[%{\n") })
	if end < 0 {
		return elements, true
	}
	return elements[:end], false
}

// readsSources reports whether the tests of a package name Go files.
func (p *Package) readsSources(read func(string) []byte) bool {
	return slices.ContainsFunc(p.tests, func(base string) bool {
		text := read(filepath.Join(p.Dir, base))
		return bytes.Contains(text, []byte(".go\"")) || bytes.Contains(text, []byte(".go`")) || bytes.Contains(text, []byte("parser.Parse"))
	})
}

// goCommand matches Go source that starts the go command.
var goCommand = lazy(`\b(?:Command|LookPath)\("go"|\bCommandContext\([^,"]*, *"go"` +
	`|"go", *"(?:build|generate|install|list|run|test|tool|vet)"|["\x60]go (?:build|generate|install|list|run|test|tool|vet)\b|"bin", *"go"|/bin/go["\x60]`)

// runsGo reports whether source starts the go command.
func runsGo(f source, read func(string) []byte) bool {
	return slices.Contains(f.imports, "os/exec") && goCommand().Match(read(filepath.Join(f.pkg.Dir, f.base)))
}

// pathFinder matches Go source that may find files by the way up from where it runs.
// upward matches paths that lead there from the test that calls it.
var (
	pathFinder = lazy(`\b(?:Abs|Callers?|Chdir|Getwd)\(`)
	upward     = lazy("[\"`/]\\.\\.[\"`/]")
)

// lazy compiles an expression at its first use: most roles of the program that this
// package is part of have none.
func lazy(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// finds reports whether source that the user may edit may find files by other paths
// than tests name.
func finds(f source, read func(string) []byte) bool {
	if !f.pkg.Local || slices.Contains(f.imports, "os/exec") {
		return f.pkg.Local
	}
	text := read(filepath.Join(f.pkg.Dir, f.base))
	return pathFinder().Match(text) || !strings.HasSuffix(f.base, "_test.go") && upward().Match(text)
}
