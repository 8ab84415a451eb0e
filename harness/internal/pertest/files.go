//go:build unix

package pertest

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// files are the files that the processes write for go test, and that this
// process combines.
type files struct {
	dir      string // for those of the processes; "" if there are none
	testlog  string // go test's, or ""
	coverDir string // go test's, or ""
	profile  string // go test's, or ""
}

// newFiles makes a directory beside go test's own files. If this process can't
// remove it, go test does, with its own.
func newFiles(b binary) (*files, error) {
	f := &files{testlog: b.flags["testlogfile"], coverDir: b.flags["gocoverdir"], profile: b.flags["coverprofile"]}
	if f.testlog == "" && f.coverDir == "" {
		return f, nil
	}
	var err error
	f.dir, err = os.MkdirTemp(filepath.Dir(cmp.Or(f.testlog, f.coverDir)), "pgtest-tests-")
	return f, err
}

func (f *files) flagsFor(i int, last bool) ([]string, error) {
	var flags []string
	if f.testlog != "" {
		flags = append(flags, "testlogfile="+f.name("log", i))
	}
	switch {
	case f.coverDir == "":
	case last:
		// At its end a process reads all that is in its directory.
		flags = append(flags, "gocoverdir="+f.coverDir)
		if f.profile != "" {
			flags = append(flags, "coverprofile="+f.profile)
		}
	default:
		dir := f.name("cover", i)
		if err := os.Mkdir(dir, 0o777); err != nil {
			return nil, err
		}
		flags = append(flags, "gocoverdir="+dir)
	}
	return flags, nil
}

func (f *files) name(what string, i int) string {
	return filepath.Join(f.dir, what+strconv.Itoa(i))
}

// collectCoverage moves the counters of test i to go test's directory. They
// have the process's id and the time in their names.
func (f *files) collectCoverage(i int) error {
	if f.coverDir == "" {
		return nil
	}
	dir := f.name("cover", i)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) { // the last process counts in go test's
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "covcounters.") {
			if err := move(filepath.Join(dir, e.Name()), filepath.Join(f.coverDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(dir)
}

// move renames a file, or copies it to another file system.
func move(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o666)
}

// logHeader is the first line of a test log.
const logHeader = "# test log\n"

// joinTestlogs writes go test's test log: the lines of n processes, each line
// once. If one of the logs is missing, it writes none, and go test doesn't
// cache the result.
func (f *files) joinTestlogs(n int) {
	start, err := os.Getwd()
	if err != nil || f.testlog == "" {
		return
	}
	var joined bytes.Buffer
	joined.WriteString(logHeader)
	seen := make(map[string]bool) // while in the directory where the tests start
	for i := range n {
		data, err := os.ReadFile(f.name("log", i))
		if err != nil {
			return
		}
		data = bytes.TrimPrefix(data, []byte(logHeader))
		// Names are relative to the directory of the last chdir, so that such a
		// log stays as it is.
		moves := bytes.HasPrefix(data, []byte("chdir ")) || bytes.Contains(data, []byte("\nchdir "))
		for line := range strings.Lines(string(data)) {
			if moves || !seen[line] {
				joined.WriteString(line)
			}
			seen[line] = seen[line] || !moves
		}
		if moves {
			joined.WriteString("chdir " + start + "\n")
		}
	}
	os.WriteFile(f.testlog, joined.Bytes(), 0o666)
}

func (f *files) remove() {
	if f.dir != "" {
		os.RemoveAll(f.dir)
	}
}
