// Package collect is the role of pgtest that stands in a test binary's place while
// an archive is made (`pgtest __collect`): it keeps the binary that go test built,
// and what go test gives it, in the run's directory, and runs nothing.
package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Role is the first argument of a program that runs [Main].
const Role = "__collect"

// A Binary is one that was kept. Paths are absolute.
type Binary struct {
	Path string
	Dir  string // of its package
	// Meta are files with the statements of packages whose coverage it counts, by
	// import path.
	Meta map[string]string
}

const (
	dirName    = "collected"
	recordName = "binary.json"
	metaFiles  = "metafiles.txt" // see internal/coverage
)

// Main runs the role with the test binary and its arguments, and returns the exit
// status.
func Main(args []string) int {
	if err := keep(args); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: the test binary can't be kept for the archive: %v\n", err)
		return 1
	}
	return 0
}

// keep keeps a binary that go test built in RUN/go-buildN/bN.
func keep(args []string) error {
	if len(args) == 0 {
		return errors.New("there is none")
	}
	objDir := filepath.Dir(args[0])
	dir := filepath.Join(filepath.Dir(filepath.Dir(objDir)), dirName, filepath.Base(objDir))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b := Binary{Path: filepath.Join(dir, filepath.Base(args[0]))}
	var err error
	if b.Dir, err = os.Getwd(); err != nil {
		return err
	}
	if err := linkOrCopy(args[0], b.Path); err != nil {
		return err
	}
	for _, arg := range args[1:] {
		if cover, ok := strings.CutPrefix(arg, "-test.gocoverdir="); ok {
			if b.Meta, err = keepMeta(cover, dir); err != nil {
				return err
			}
		}
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordName), text, 0o600)
}

// A MetaFiles says where statements of packages are described. It is a file in the
// directory of -test.gocoverdir.
type MetaFiles struct{ ImportPaths, MetaFileFragments []string }

// Write writes the file.
func (m MetaFiles) Write(coverDir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(coverDir, metaFiles), text, 0o666)
}

func keepMeta(coverDir, dir string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(coverDir, metaFiles))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // without -coverpkg
	}
	var files MetaFiles
	if err == nil {
		err = json.Unmarshal(text, &files)
	}
	if err == nil && len(files.ImportPaths) != len(files.MetaFileFragments) {
		err = errors.New(metaFiles + " has another form")
	}
	meta := make(map[string]string)
	for i, importPath := range files.ImportPaths {
		if fragment := files.MetaFileFragments[i]; err == nil && fragment != "" {
			meta[importPath] = filepath.Join(dir, fmt.Sprintf("meta%d", i))
			err = linkOrCopy(fragment, meta[importPath])
		}
	}
	return meta, err
}

// linkOrCopy gives a file that nobody changes a second name. Go test removes the
// first.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Collected returns the binaries that were kept in a run's directory.
func Collected(run string) ([]Binary, error) {
	records, err := filepath.Glob(filepath.Join(run, dirName, "*", recordName))
	if err != nil {
		return nil, err
	}
	var all []Binary
	for _, path := range records {
		text, err := os.ReadFile(path)
		var b Binary
		if err == nil {
			err = json.Unmarshal(text, &b)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}
