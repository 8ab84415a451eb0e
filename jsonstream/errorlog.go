package jsonstream

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/fatih/color"
)

// errorLog keeps what compilers said and what go wrote to stderr, in the order
// in which it came, for the summary. It is safe for concurrent use.
type errorLog struct {
	mu    sync.Mutex
	spool spool
	lines buffer
	count int // without the indented lines that continue one
}

// add keeps a line. It reports false for the header of a build ("# package"),
// which is no error.
func (l *errorLog) add(line []byte) bool {
	if bytes.HasPrefix(line, []byte("# ")) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spool.add(&l.lines, text{raw: line})
	if r, _ := utf8.DecodeRune(line); !unicode.IsSpace(r) {
		l.count++
	}
	return true
}

// print writes the summary's section.
func (l *errorLog) print(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines.empty() {
		return
	}
	fmt.Fprintln(w, color.MagentaString("\n=== Errors"))
	l.spool.each(&l.lines, func(line []byte) {
		w.Write(line)
		w.Write([]byte{'\n'})
	})
}

func (l *errorLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spool.close()
}

// goChatter says that a line of go's stderr is no error: progress of modules,
// traces of GODEBUG, warnings.
func goChatter(line []byte) bool {
	for _, prefix := range []string{
		"go: copying", "go: creating", "go: downloading", "go: extracting", "go: finding",
		"HASH", "testcache:", "warning:",
	} {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return false
}
