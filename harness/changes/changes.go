// Package changes knows which files and lines of a git work tree changed since a
// reference. It asks the git command.
package changes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Lines are the changed lines of Go files.
type Lines struct {
	files map[string][]span // by path, without symbolic links
	real  map[string]string // paths that were asked for
}

// A span has the lines from first up to end.
type span struct{ first, end int }

// Since returns the lines in which the work tree of a directory differs from the
// last commit that ref has in common with HEAD: what was committed since, what was
// not, and files that git does not know and does not ignore.
func Since(dir, ref string) (*Lines, error) {
	g := git{dir}
	root, err := g.root()
	if err != nil {
		return nil, err
	}
	base, err := g.mergeBase(ref)
	if err != nil {
		return nil, err
	}
	// What the user's configuration could change is set. -a: go's files are text,
	// whatever their attributes say.
	diff, err := g.output("diff", "-U0", "--inter-hunk-context=0", "-a", "-M", "--no-ext-diff",
		"--no-textconv", "--no-color", "--no-relative", "--ignore-submodules", "--src-prefix=a/", "--dst-prefix=b/", base, "--", ":(top)*.go")
	if err != nil {
		return nil, err
	}
	unknown, err := g.output("ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", ":(top)*.go")
	if err != nil {
		return nil, err
	}
	l := &Lines{files: make(map[string][]span), real: make(map[string]string)}
	if err := parse(diff, func(name string, s span) {
		path := filepath.Join(root, name)
		l.files[path] = append(l.files[path], s)
	}); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(string(unknown), "\x00") {
		l.files[filepath.Join(root, name)] = []span{{1, math.MaxInt}}
	}
	return l, nil
}

// root returns the directory of the work tree, without symbolic links.
func (g git) root() (string, error) {
	root, err := g.line("rev-parse", "--show-toplevel")
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(root)
}

// mergeBase returns the last commit that ref has in common with HEAD.
func (g git) mergeBase(ref string) (string, error) {
	if strings.HasPrefix(ref, "-") {
		return "", errors.New("no commit has this name")
	}
	commit, err := g.line("rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if err != nil {
		return "", described(err, "no commit has this name")
	}
	base, err := g.line("merge-base", commit, "HEAD")
	if err != nil {
		err = described(err, "no commit is in its history and in that of HEAD; a shallow clone lacks it")
	}
	return base, err
}

// Has reports whether a line of a file changed.
func (l *Lines) Has(path string, line int) bool {
	real, known := l.real[path]
	if !known {
		real, _ = filepath.EvalSymlinks(path)
		l.real[path] = real
	}
	return slices.ContainsFunc(l.files[real], func(s span) bool { return s.first <= line && line < s.end })
}

// parse reads what git diff -U0 prints, and calls add with each file and lines
// that it has and did not have before.
func parse(diff []byte, add func(name string, s span)) error {
	name := ""
	for lines := bufio.NewReader(bytes.NewReader(diff)); ; {
		text, err := lines.ReadString('\n')
		if err != nil {
			return nil
		}
		text = strings.TrimSuffix(text, "\n")
		switch {
		case strings.HasPrefix(text, "+++ "):
			name = fileName(text)
		case strings.HasPrefix(text, "@@ "):
			removed, added, err := hunk(text)
			if err != nil {
				return err
			}
			if added.first < added.end && name != "" {
				add(name, added)
			}
			// Its lines may look like any other.
			for left := removed + added.end - added.first; left > 0; {
				text, err := lines.ReadString('\n')
				if err != nil {
					return errors.New("git diff: its output is cut off")
				}
				if !strings.HasPrefix(text, `\`) { // \ No newline at end of file
					left--
				}
			}
		}
	}
}

// fileName returns the name in a line with +++, "" for a file that was removed.
func fileName(line string) string {
	name := strings.TrimSuffix(strings.TrimPrefix(line, "+++ "), "\t")
	if unquoted, err := strconv.Unquote(name); err == nil {
		name = unquoted
	}
	name, ok := strings.CutPrefix(name, "b/")
	if !ok {
		return ""
	}
	return name
}

// hunk reads "@@ -a,b +c,d @@": how many lines were removed, and which are new.
func hunk(line string) (removed int, added span, err error) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return 0, span{}, fmt.Errorf("git diff: %q", line)
	}
	_, removed, err = lineRange(fields[1], "-")
	first, n, addedErr := lineRange(fields[2], "+")
	if err != nil || addedErr != nil {
		return 0, span{}, fmt.Errorf("git diff: %q", line)
	}
	return removed, span{first, first + n}, nil
}

// lineRange reads a line and how many there are, which is 1 if it is not said.
func lineRange(text, sign string) (first, n int, err error) {
	text, ok := strings.CutPrefix(text, sign)
	start, length, said := strings.Cut(text, ",")
	if !said {
		length = "1"
	}
	first, err = strconv.Atoi(start)
	n, lengthErr := strconv.Atoi(length)
	if !ok {
		err = errors.New("no range")
	}
	return first, n, errors.Join(err, lengthErr)
}

// git runs the git command in a directory.
type git struct{ dir string }

// output returns what a command prints. Its error is the first line of what git
// writes on standard error.
func (g git) output(words ...string) ([]byte, error) { return g.answer(nil, words...) }

// answer is output for a command that reads input.
func (g git) answer(input io.Reader, words ...string) ([]byte, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("git: not found on PATH")
	}
	cmd := exec.Command(path, words...)
	cmd.Dir, cmd.Env, cmd.Stdin = g.dir, append(os.Environ(), "LC_ALL=C"), input
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		line, _, _ := strings.Cut(string(exit.Stderr), "\n")
		if line = strings.TrimPrefix(line, "fatal: "); line == "" {
			return nil, errSilent
		}
		return nil, fmt.Errorf("git: %s", line)
	}
	return out, err
}

// errSilent is the error of a command that says nothing.
var errSilent = errors.New("git failed")

// described puts words to an error that has none.
func described(err error, words string) error {
	if errors.Is(err, errSilent) {
		return errors.New(words)
	}
	return err
}

func (g git) line(words ...string) (string, error) {
	out, err := g.output(words...)
	return strings.TrimSuffix(string(out), "\n"), err
}
