package linkcache

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/harness/internal/cacheprog"
)

// shellProgram starts a shell script as a cache program, in a directory.
func shellProgram(t *testing.T, dir, script string) *program {
	t.Helper()
	p, err := startProgram([]string{"sh", "-c", script}, os.Environ(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.close(ctx)
	})
	return p
}

func failsSoon(t *testing.T, name string, p *program) {
	t.Helper()
	select {
	case <-p.failed:
	case <-time.After(time.Minute):
		t.Errorf("%s: the program has not failed", name)
	}
}

const knowsAll = `echo '{"ID":0,"KnownCommands":["get","put","close"]}'; `

// What a program says that nobody has asked for, or that is too long, is its end.
func TestProgramSaysTooMuch(t *testing.T) {
	for name, script := range map[string]string{
		"an answer to nothing": knowsAll + `read line; echo '{"ID":7}'; cat >/dev/null`,
		"an answer twice":      knowsAll + `read line; echo '{"ID":1}'; echo '{"ID":1}'; cat >/dev/null`,
		"a long answer":        knowsAll + `read line; echo '{"ID":1,"Err":"'; head -c 2000000 /dev/zero | tr '\0' x; echo '"}'; cat >/dev/null`,
		"no JSON":              knowsAll + `read line; echo hello; cat >/dev/null`,
		"its end":              knowsAll + `read line`,
	} {
		p := shellProgram(t, t.TempDir(), script)
		p.send(t.Context(), cacheprog.Request{Command: "get"}, nil)
		failsSoon(t, name, p)
		if _, err := p.send(t.Context(), cacheprog.Request{Command: "get"}, nil); err == nil {
			t.Errorf("%s: it is asked again", name)
		}
	}
	p := shellProgram(t, t.TempDir(), `printf '{"ID":0,"KnownCommands":["get","'; head -c 2000000 /dev/zero | tr '\0' x; echo '"]}'; cat >/dev/null`)
	if p.can(t.Context(), "get") {
		t.Error("commands of two megabytes are read")
	}
}

// An error of a program is that of the request, and not its end.
func TestProgramRefuses(t *testing.T) {
	p := shellProgram(t, t.TempDir(), knowsAll+`read line; echo '{"ID":1,"Err":"no space"}'; read line; echo '{"ID":2,"Miss":true}'; cat >/dev/null`)
	if _, err := p.send(t.Context(), cacheprog.Request{Command: "get"}, nil); err == nil || err.Error() != "no space" {
		t.Errorf("%v", err)
	}
	if r, err := p.send(t.Context(), cacheprog.Request{Command: "get"}, nil); err != nil || !r.Miss {
		t.Errorf("%+v %v", r, err)
	}
}

// A program that reads nothing keeps a request no longer than its context, and gets
// no other.
func TestProgramReadsNothing(t *testing.T) {
	p := shellProgram(t, t.TempDir(), knowsAll+`exec sleep 1000`)
	if !p.can(t.Context(), "put") {
		t.Fatal("it can't put")
	}
	// What is not begun in time fails nothing; half a request can't be followed by
	// another.
	for limit := time.Millisecond; !p.hasFailed(); limit *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		body := bytes.NewReader(make([]byte, 10<<20))
		_, err := p.send(ctx, cacheprog.Request{Command: "put", BodySize: body.Size()}, body)
		if cancel(); err == nil {
			t.Fatal("it was read")
		}
		if limit > time.Minute {
			t.Fatal("it gets more requests")
		}
	}
}

// A program that is asked to end may go on after it has closed its output. What it
// leaves in its group ends with it.
func TestProgramEnds(t *testing.T) {
	dir := t.TempDir()
	p := shellProgram(t, dir, knowsAll+`sleep 1000 >/dev/null & echo $! >left; read line; exec >&-; sleep 0.1; echo done >done`)
	if !p.can(t.Context(), "close") {
		t.Fatal("it can't close")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.close(ctx)
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		t.Errorf("it was killed: %v", err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "left"))
	if err != nil {
		t.Fatal(err)
	}
	harnesstest.Await(t, "the end of what it left", func() bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || bytes.Contains(stat, []byte(") Z ")) || !bytes.Contains(stat, []byte("(sleep)"))
	})
}
