//go:build unix

package pertest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"

	"pgtest/harness/internal/testproc"
	"pgtest/harness/internal/testtext"
)

// A listing is what a binary prints when asked for the names of its tests.
// TestMain and the package's initialization print, too, so it may contain lines
// that are no names, and miss names. It decides only which tests get a process
// of their own, never which tests run.
type listing struct {
	names []string // in the binary's order, with duplicates

	mu    sync.Mutex
	other testproc.Spool // what else the binary printed
	lost  error          // why a part of it could not be kept
	last  []byte         // the end of its standard error
	none  bool           // package testing has said that there is no test to run

	ended   bool   // package testing has said PASS or FAIL, so it was not asked for a list
	line    []byte // of standard output, its beginning
	pending string // a name behind other text, which counts if a name follows
}

// maxLine bounds the memory for an unfinished line. Of a longer line the end is
// kept, which may be a name.
const maxLine = 64 << 10

// Write takes the binary's standard output.
func (l *listing) Write(b []byte) (int, error) {
	l.line = append(l.line, b...)
	rest := l.line
	for {
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			break
		}
		l.take(string(rest[:n]))
		rest = rest[n+1:]
	}
	if long := len(rest) - maxLine; long > 0 {
		l.keep(rest[:long])
		rest = rest[long:]
	}
	l.line = append(l.line[:0], rest...)
	return len(b), nil
}

// take takes a line. The first name may follow an unfinished line of
// TestMain's, as in "connecting... TestA".
func (l *listing) take(line string) {
	if isName(line) {
		if l.pending != "" {
			l.names = append(l.names, l.pending)
		}
		l.pending = ""
		l.names = append(l.names, line)
		return
	}
	l.keep([]byte(line + "\n"))
	l.ended = l.ended || line == "PASS" || line == "FAIL"
	l.pending = line[strings.LastIndexFunc(line, notInName)+1:]
	for l.pending != "" && !isName(l.pending) {
		_, size := utf8.DecodeRuneInString(l.pending)
		l.pending = l.pending[size:]
	}
}

func (l *listing) finish() {
	l.keep(l.line)
	l.line = nil
}

func (l *listing) keep(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		_, l.lost = l.other.Write(b)
	}
}

func (l *listing) stderr() io.Writer { return keeper{l} }

type keeper struct{ l *listing }

func (k keeper) Write(b []byte) (int, error) {
	k.l.keep(b)
	k.l.last = append(k.l.last, b...)
	k.l.none = k.l.none || bytes.Contains(k.l.last, []byte(testtext.NoTests))
	k.l.last = k.l.last[max(0, len(k.l.last)-len(testtext.NoTests)):]
	return len(b), nil
}

// ran reports whether the binary has run its tests although it was asked not
// to, because its TestMain drops all flags.
func (l *listing) ran() bool { return len(l.names) == 0 && l.ended && !l.none }

// isName reports whether a line may be a name that -test.list prints, by the go
// command's rules for names of tests. It uses no regexp, which every role of
// pgtest would compile when it starts.
func isName(line string) bool {
	for _, kind := range []string{"Test", "Benchmark", "Fuzz", "Example"} {
		if rest, ok := strings.CutPrefix(line, kind); ok {
			first, _ := utf8.DecodeRuneInString(rest)
			return !unicode.IsLower(first) && !strings.ContainsFunc(rest, notInName)
		}
	}
	return false
}

func notInName(r rune) bool {
	return r == utf8.RuneError || r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

// list asks the binary for the names of its tests, in a process with the same
// limits as a test's. It also passes -run=^$, so that no test runs if TestMain
// ignores -list.
func (r *runner) list() (*listing, testproc.State) {
	l := new(listing)
	p := testproc.New(r.family, r.program, r.binary.processArgs("list=.", "run=^$"))
	ended := make(chan testproc.State)
	go func() {
		stop := func() {}
		e := p.Run(l, l.stderr(), func() { stop = r.limitTo(p, r.rules.Package(r.pkg)) })
		stop()
		ended <- e
	}()
	late := false
	for {
		select {
		case e := <-ended:
			l.finish()
			r.takeLeaks("", e.Leaks)
			if late {
				e.Limit = r.timeoutText()
			}
			if sig := r.pendingSignal(); sig != 0 {
				r.signal = sig
			}
			return l, e
		case sig := <-r.signals:
			r.signal = sig.(syscall.Signal)
			p.Cancel(r.signal)
		case <-r.overdue:
			late = true
			p.Quit(r.timeoutText())
		}
	}
}

// endUnlisted ends a run whose tests can't be listed. It prints what the binary
// has printed, and returns how to end as the binary did.
func (r *runner) endUnlisted(l *listing, e testproc.State) (int, syscall.Signal) {
	err := l.other.CopyTo(stdout)
	if l.lost == nil {
		l.lost = err
	}
	if l.lost != nil {
		fmt.Fprintf(stdout, "%spgtest: a part of the output is lost: %v\n", testtext.NameLine(""), l.lost)
	}
	if r.signal != 0 {
		return 1, r.signal
	}
	reason := e.How()
	if !e.Bad() {
		reason = "TestMain does not heed -test.list and -test.run"
	}
	fmt.Fprintf(stdout, "%spgtest: the tests can't be listed: %s\n", testtext.NameLine(""), reason)
	return e.Exit(true)
}
