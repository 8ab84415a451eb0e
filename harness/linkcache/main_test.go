package linkcache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/race"
	"pgtest/harness/linkcache/toolexec"
)

// The test binary is its own tool wrapper and cache program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case Role:
			os.Exit(Tool(os.Args[2:]))
		case "__cacheprog":
			os.Exit(harnesstest.CacheProgram(os.Args[2:]))
		case "__copy":
			os.Exit(copyBinary(os.Args[2], os.Args[3]))
		}
	}
	race.ExitAtOnce()
	os.Exit(run(m))
}

// pgtest is the command itself, "" without the race detector. A tool with the
// race detector takes 50 ms to start, ten times that of the command, and the go
// command starts a dozen for each link.
var pgtest string

func run(m *testing.M) int {
	if race.Enabled {
		dir, err := os.MkdirTemp("", "pgtest-linkcache-")
		if err == nil {
			defer os.RemoveAll(dir)
			pgtest, err = harnesstest.BuildPgtest(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// tool returns the program for the go command's -toolexec.
func tool(t testing.TB) string {
	if pgtest != "" {
		return pgtest
	}
	return self(t)
}

func self(t testing.TB) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func openCache(t testing.TB) *Cache {
	t.Helper()
	c, err := Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeFile(t testing.TB, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// A fakeLink is a link by a shell script in the linker's place, with the
// command line that the go command would use.
type fakeLink struct {
	t      testing.TB
	cache  *Cache
	linker string
	output string
	flags  []string
	wrap   []string
	env    []string
	runs   string // file with a line for each run of the linker
}

// newFakeLink makes the link whose linker is a shell script: body runs after
// the output's name was put into $out.
func newFakeLink(t testing.TB, c *Cache, body string) *fakeLink {
	dir := t.TempDir()
	l := &fakeLink{
		t: t, cache: c,
		linker: filepath.Join(dir, "tool", "link"),
		output: filepath.Join(dir, "work", "b001", "x.test"),
		runs:   filepath.Join(dir, "runs"),
		flags: []string{
			"-buildmode=exe", "-buildid=action-id-of-the-link/main/main/action-id-of-the-link", "-extld=no-such-cc",
		},
	}
	writeFile(t, l.linker, "#!/bin/sh\nout=$2\necho run >>"+shellQuote(l.runs)+"\n"+body+"\n", 0o777)
	writeFile(t, filepath.Join(filepath.Dir(l.output), "importcfg.link"), "packagefile x=/work/x.a\nmodinfo \"y\"\n", 0o666)
	writeFile(t, l.runs, "", 0o666)
	return l
}

const writesBinary = `head -c 300000 /dev/zero | tr '\0' x >"$out"; chmod 755 "$out"`

func (l *fakeLink) command() *exec.Cmd {
	words := append(slices.Clone(l.wrap), l.linker, "-o", l.output, "-importcfg", filepath.Join(filepath.Dir(l.output), "importcfg.link"))
	words = append(append(words, l.flags...), "/work/x.a")
	tool := toolexec.Command{Dir: l.cache.Dir(), Outcomes: l.cache.Outcomes, Wrap: len(l.wrap), Words: words}
	cmd := exec.Command(self(l.t), append([]string{Role}, tool.Args()...)...)
	cmd.Env = append(os.Environ(), l.env...)
	return cmd
}

// run runs the link and returns what was printed and the exit status.
func (l *fakeLink) run() (printed string, status int) {
	l.t.Helper()
	out, err := l.command().CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return string(out), 0
}

// linked reports how often the linker has run.
func (l *fakeLink) linked() int { return strings.Count(readFile(l.t, l.runs), "run") }

// mustLink runs the link, which must work, and checks how often the linker has
// run by then.
func (l *fakeLink) mustLink(what string, linked int) {
	l.t.Helper()
	os.Remove(l.output)
	out, status := l.run()
	if status != 0 {
		l.t.Fatalf("%s: exit status %d: %s", what, status, out)
	}
	if got := l.linked(); got != linked {
		l.t.Fatalf("%s: the linker has run %d times, want %d", what, got, linked)
	}
	if _, err := os.Stat(l.output); err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
}

// entry returns the path of the only entry.
func (l *fakeLink) entry() string {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(l.cache.Dir(), "*"+entrySuffix))
	if err != nil || len(files) != 1 {
		l.t.Fatalf("entries %q, %v; want one", files, err)
	}
	return files[0]
}

// outcomes returns the first letters of what became of the links, in order.
func outcomes(t testing.TB, c *Cache) string {
	t.Helper()
	log, err := os.ReadFile(c.logPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var letters []byte
	for line := range bytes.Lines(log) {
		letters = append(letters, line[0])
	}
	return string(letters)
}

func checkOutcomes(t testing.TB, c *Cache, want string) {
	t.Helper()
	if got := outcomes(t, c); got != want {
		t.Fatalf("outcomes %q, want %q", got, want)
	}
}

func copyBinary(to, from string) int {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o666)
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}
