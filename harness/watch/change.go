package watch

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"

	"pgtest/harness/reach"
)

// contents remembers what files hold, so that one that is written again with the
// same bytes, as by a test, is no change.
type contents map[string]content

type content struct {
	there         bool
	whole, header [sha256.Size]byte
}

// change looks at a file and returns how it changed, and false if it did not.
// fresh says that it has come into being since the last look.
func (known contents) change(path string, fresh bool) (reach.Change, bool) {
	now := contentOf(path)
	was, seen := known[path]
	known[path] = now
	c := reach.Change{Path: path, Gone: !now.there, Header: !seen || was.header != now.header, New: !seen}
	switch {
	case seen && was == now:
		return c, false
	case !seen && fresh && !now.there:
		delete(known, path)
		return c, false // it came and went
	}
	return c, true
}

// contentLimit bounds what is read of a file. A larger one is known by its size
// and time as well.
const contentLimit = 16 << 20

func contentOf(path string) content {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return content{there: err == nil}
	}
	c := content{there: true}
	f, err := os.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	data, _ := io.ReadAll(io.LimitReader(f, contentLimit))
	if info.Size() > contentLimit {
		data = fmt.Appendf(data, "%d %v", info.Size(), info.ModTime())
	}
	c.whole = sha256.Sum256(data)
	if filepath.Ext(path) == ".go" {
		c.header = sha256.Sum256(header(data))
	}
	return c
}

// header returns the lines of a Go file that decide what its package is built
// of: all up to the last import, and go:embed. A file that can't be parsed is
// all header.
func header(source []byte) []byte {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "", source, parser.ImportsOnly)
	if err != nil {
		return source
	}
	end := file.Name.End()
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			end = g.End()
		}
	}
	head := bytes.Clone(source[:files.Position(end).Offset])
	for line := range bytes.Lines(source[len(head):]) {
		if bytes.HasPrefix(line, []byte("//go:embed")) {
			head = append(head, line...)
		}
	}
	return head
}
