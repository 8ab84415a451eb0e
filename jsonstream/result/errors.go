package result

import (
	"bytes"
	"iter"
	"sync"
	"unicode"
	"unicode/utf8"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/internal/spool"
)

// Errors keeps what compilers said and what go wrote to stderr, in the order in
// which it came. It is safe for concurrent use.
type Errors struct {
	mu    sync.Mutex
	spool *spool.Spool // of its own
	lines spool.Buffer
	count int // without the indented lines that continue one

	interrupted bool
}

// NewErrors returns Errors whose spool makes its file in dir. Close frees it.
func NewErrors(dir string) *Errors { return &Errors{spool: spool.New(dir)} }

// Interrupt says that the run is being ended. From now on it is no error that a
// compiler died of SIGINT.
func (e *Errors) Interrupt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.interrupted = true
}

// Add keeps a line, unless it is the header of a build ("# package"), which is no
// error.
func (e *Errors) Add(line []byte) {
	if bytes.HasPrefix(line, []byte("# ")) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.interrupted && bytes.HasSuffix(bytes.TrimRight(line, "\n"), []byte(": signal: interrupt")) {
		return
	}
	e.spool.Add(&e.lines, event.Text{Raw: line})
	if r, _ := utf8.DecodeRune(line); !unicode.IsSpace(r) {
		e.count++
	}
}

// AddStderr keeps a line of the go command's standard error, unless it is one of
// progress, a trace of GODEBUG or a warning.
func (e *Errors) AddStderr(line []byte) {
	for _, prefix := range []string{
		"go: copying", "go: creating", "go: downloading", "go: extracting", "go: finding",
		"HASH", "testcache:", "warning:",
	} {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return
		}
	}
	e.Add(line)
}

// Count counts the errors: lines that are not indented.
func (e *Errors) Count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

// All returns the lines. None may be added meanwhile.
func (e *Errors) All() iter.Seq[[]byte] { return e.spool.All(&e.lines) }

// Close gives the lines up.
func (e *Errors) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spool.Close()
}
