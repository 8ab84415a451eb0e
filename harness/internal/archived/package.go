package archived

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/archive"
	"pgtest/harness/internal/collect"
	"pgtest/harness/internal/testtext"
)

// runPackage runs the tests of a package and prints what go test prints of them.
// It reports whether they passed.
func (s *session) runPackage(p *archive.Package, events io.Writer) (ok bool) {
	if p.Binary == "" {
		io.WriteString(events, p.Output)
		err := s.profile.add([]byte(p.Profile))
		return s.say(err)
	}
	out := &observed{to: events, ignored: s.set.Bench != ""}
	argv, env, coverage, err := s.command(p)
	if coverage != "" {
		defer os.RemoveAll(coverage)
	}
	began := time.Now()
	killed := false
	if err == nil {
		killed, err = s.start(argv, env, s.path(p.Dir), out)
	}
	took := fmt.Sprintf("%.3fs", time.Since(began).Seconds())
	ok = true
	if coverage != "" {
		text, readErr := os.ReadFile(filepath.Join(coverage, profileName))
		if readErr == nil {
			ok = s.say(s.profile.merge(text))
		}
	}
	if err == nil {
		out.endLine()
		covered := ""
		if s.header.CoverMode != "" && out.coverage != "" {
			covered = "\tcoverage: " + out.coverage
		}
		fmt.Fprintf(events, "ok  \t%s\t%s%s%s\n", p.ImportPath, took, covered, out.nothing())
		return ok
	}
	if killed {
		fmt.Fprintf(events, "*** Test killed with %v: ran too long (%v).\n", syscall.SIGQUIT, s.limit.kill)
	} else if errors.Is(err, exec.ErrWaitDelay) {
		fmt.Fprintf(events, "*** Test I/O incomplete %v after exiting.\n", s.limit.wait)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Exited() || out.seen == 0 {
		fmt.Fprintf(events, "%s\n", err)
	} else {
		out.endLine()
	}
	fmt.Fprintf(events, "%sFAIL\t%s\t%s\n", testtext.Marker, p.ImportPath, took)
	return false
}

// say prints an error that is of no package, and reports whether there is none.
func (s *session) say(err error) bool {
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
	}
	return err == nil
}

func (s *session) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// command returns the command line of a supervisor, and its environment. The
// caller removes the directory for coverage, "" for none.
func (s *session) command(p *archive.Package) (argv, env []string, coverage string, err error) {
	dir := s.path(p.Dir)
	env = append(slices.Clip(os.Environ()), "PWD="+dir)
	argv = append(slices.Clone(s.supervisor), s.path(p.Binary), "-test.paniconexit0")
	if s.header.CoverMode != "" {
		if coverage, err = os.MkdirTemp(os.Getenv("GOTMPDIR"), "cover"); err != nil {
			return nil, nil, "", err
		}
		argv, env = append(argv, "-test.gocoverdir="+coverage), append(env, "GOCOVERDIR="+coverage)
		if len(p.Meta) > 0 {
			var files collect.MetaFiles
			for _, importPath := range slices.Sorted(maps.Keys(p.Meta)) {
				files.ImportPaths = append(files.ImportPaths, importPath)
				files.MetaFileFragments = append(files.MetaFileFragments, s.path(p.Meta[importPath]))
			}
			if err := files.Write(coverage); err != nil {
				return nil, nil, coverage, err
			}
		}
	}
	for _, arg := range s.args {
		if strings.HasPrefix(arg, "-test.coverprofile=") && coverage != "" {
			arg = "-test.coverprofile=" + filepath.Join(coverage, profileName)
		}
		argv = append(argv, arg)
	}
	return argv, env, coverage, nil
}

// profileName is a package's coverage profile.
const profileName = "_cover_.out"

// start runs a supervisor to its end. killed says that it took too long.
func (s *session) start(argv, env []string, dir string, out io.Writer) (killed bool, err error) {
	ctx, cancel := context.Background(), func() {}
	if s.limit.kill > 0 {
		ctx, cancel = context.WithTimeout(ctx, s.limit.kill)
	}
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, env, out, out, s.limit.wait
	cmd.Cancel = func() error {
		err := cmd.Process.Signal(syscall.SIGQUIT)
		killed = err == nil
		return err
	}
	err = cmd.Run()
	return killed, err
}

// maxLine bounds what is kept of a line.
const maxLine = 64 << 10

// observed passes on what a test binary prints, and finds in it what go test
// says once more in the package's line.
type observed struct {
	to       io.Writer
	ignored  bool // go test looks at no output of benchmarks
	seen     int
	last     byte
	line     []byte
	coverage string
	noTests  bool
}

func (o *observed) Write(text []byte) (int, error) {
	n, err := o.to.Write(text)
	if o.ignored || n == 0 {
		return n, err
	}
	o.seen += n
	o.last = text[n-1]
	for line := range bytes.Lines(text[:n]) {
		o.line = append(o.line, line[:min(len(line), maxLine-len(o.line))]...)
		if line[len(line)-1] == '\n' {
			o.whole(o.line)
			o.line = o.line[:0]
		}
	}
	return n, err
}

func (o *observed) whole(line []byte) {
	o.noTests = o.noTests || string(line) == testtext.NoTests
	_, covered, is := bytes.Cut(line, []byte("coverage: "))
	if text, ends := bytes.CutSuffix(covered, []byte("\n")); is && ends && o.coverage == "" {
		o.coverage = string(text)
	}
}

// endLine ends a line that the test binary did not.
func (o *observed) endLine() {
	if o.seen > 0 && o.last != '\n' {
		io.WriteString(o.to, "\n")
	}
}

func (o *observed) nothing() string {
	if o.noTests {
		return " [no tests to run]"
	}
	return ""
}
