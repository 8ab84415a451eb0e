// Bench measures pgtest against go test and gotestsum, side by side and by turns,
// and prints a row for each figure with its limit. It exits with status 1 if a
// figure is over its limit. Arguments choose parts; without any all run. Run it
// in the module's directory.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/harness/harnesstest"
	"pgtest/jsonstream/genstream"
)

// A part measures figures of one kind.
type part struct {
	name string
	run  func(*bench) error
}

var parts = []part{
	{"packages", (*bench).packages},
	{"cold", (*bench).cold},
	{"archive", (*bench).archive},
	{"shared", (*bench).shared},
	{"faulty", (*bench).faulty},
	{"patterns", (*bench).patterns},
	{"watch", (*bench).watch},
	{"tool", (*bench).tool},
	{"supervisor", (*bench).supervisor},
	{"leaks", (*bench).leaks},
	{"isolation", (*bench).isolation},
	{"reruns", (*bench).reruns},
	{"order", (*bench).order},
	{"changed", (*bench).changed},
	{"shards", (*bench).shards},
	{"formats", (*bench).formats},
	{"large", (*bench).large},
	{"line", (*bench).line},
	{"chatty", (*bench).chatty},
	{"history", (*bench).history},
	{"live", (*bench).live},
	{"timeline", (*bench).timeline},
	{"page", (*bench).page},
}

// bench is what the parts share.
type bench struct {
	dir    string // for files, removed at the end
	pgtest string
	rounds int // how often each command runs, where a part has no number of its own
	table  table

	pkg, pkgDir string // what patterns tests
	largeSize   int64
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == cacheProgram {
		os.Exit(harnesstest.CacheProgram(os.Args[2:]))
	}
	b := bench{}
	generate := flag.String("generate", "", "only write the stream of part formats to `file`")
	realDir := flag.String("real", "", "only run go test, gotestsum and pgtest on the module in a `directory`; arguments are packages and flags of go test")
	dropping := flag.Bool("drop", false, "only read standard input and drop it")
	flag.StringVar(&b.pgtest, "pgtest", "", "measure this `program` (default: build ./cmd/pgtest)")
	flag.IntVar(&b.rounds, "rounds", 7, "run each command `n` times")
	flag.StringVar(&b.pkg, "package", "net/http", "the `package` that part patterns tests")
	flag.StringVar(&b.pkgDir, "dir", "", "the `directory` in which -package is found")
	flag.Int64Var(&b.largeSize, "large", 2<<30, "how many `bytes` the test of part large prints")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [flags] [part...]\n\nparts: %s\n\n", names())
		flag.PrintDefaults()
	}
	flag.Parse()
	var err error
	switch {
	case *dropping:
		err = drop()
	case *generate != "":
		err = writeStream(*generate, func(w io.Writer) error { return genstream.Write(w, genstream.Million) })
	case *realDir != "":
		err = b.prepared(func() error { return b.real(*realDir, flag.Args()) })
	default:
		err = b.prepared(func() error { return b.run(flag.Args()) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return strings.Join(all, " ")
}

func (b *bench) run(chosen []string) error {
	for _, name := range chosen {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("no part %q; there are: %s", name, names())
		}
	}
	b.table.heading()
	for _, part := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, part.name) {
			continue
		}
		if err := part.run(b); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if b.table.over > 0 {
		return fmt.Errorf("%d figures are over their limits", b.table.over)
	}
	return nil
}

// prepared runs f with a directory for files, and with pgtest.
func (b *bench) prepared(f func() error) error {
	dir, err := os.MkdirTemp("", "pgtest-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	os.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	if b.pgtest == "" {
		b.pgtest, err = harnesstest.BuildPgtest(dir)
	} else {
		b.pgtest, err = filepath.Abs(b.pgtest)
	}
	if err != nil {
		return err
	}
	return f()
}

// module writes a module and returns its directory.
func (b *bench) module(name string, files map[string]string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, harnesstest.WriteModule(dir, files)
}

// program builds a program.
func (b *bench) program(name, source string) (string, error) {
	dir, err := b.module(name, map[string]string{"main.go": source})
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", name, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Join(dir, name), nil
}

// gotestsum builds gotestsum, and returns its path.
func (b *bench) gotestsum() (string, error) {
	path := filepath.Join(b.dir, "gotestsum")
	if out, err := exec.Command("go", "build", "-o", path, "gotest.tools/gotestsum").CombinedOutput(); err != nil {
		return "", fmt.Errorf("gotestsum: %w: %s", err, out)
	}
	return path, nil
}
