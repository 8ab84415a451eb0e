// Package archive is the file in which built tests travel to machines without
// Go: a tar of test binaries and of the files that they need, compressed with
// zstd, behind a header that says what they are. It chooses the files, writes and
// unpacks archives, and trusts nothing that it reads. It builds and runs no tests.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"

	"pgtest/harness/gotest"
)

// Format is the version of the archives that are written. No newer one is read.
const Format = 1

const (
	headerName = "pgtest-archive.json" // the first entry
	sumName    = "pgtest-archive.sum"  // the last one: the SHA-256 of all others
	maxHeader  = 256 << 20
)

// A Header says what is in an archive.
type Header struct {
	Format  int
	Program string            // that wrote it, with its version
	Env     map[string]string // of the go command that built the tests
	Flags   []string          // the build flags
	// CoverMode is how coverage is counted; "" if the tests don't.
	CoverMode string `json:",omitempty"`
	// Dir is the directory, in the archive, where relative patterns of packages
	// begin, and Root the one that is the root of its repository.
	Dir, Root string
	// Built is where Root was when the tests were built, as traces of panics tell.
	Built  string
	Commit string `json:",omitempty"` // of git
	// Packages are in the order in which go test runs them.
	Packages []*Package
	// Plan divides them among shards; nil without one.
	Plan json.RawMessage `json:",omitempty"`
	// Entries is how many follow, and Size how many bytes they have.
	Entries int
	Size    int64
	// Path is where the archive was read, as an absolute path.
	Path string `json:"-"`
}

// A Package is one that is tested, or has no tests.
type Package struct {
	ImportPath string
	Dir        string // in the archive
	Binary     string `json:",omitempty"` // "" without test files
	// Output is what go test says of a package without test files, and Profile
	// its part of a coverage profile.
	Output  string `json:",omitempty"`
	Profile string `json:",omitempty"`
	// Meta are files that a test of packages other than its own needs to count
	// their coverage, by the packages' import paths.
	Meta map[string]string `json:",omitempty"`
	// Tests are those that the package's files declare.
	Tests []Test `json:",omitempty"`
}

// A Test is a declaration. File is its path in the repository, "" if that is
// unknown.
type Test struct {
	Name string
	File string `json:",omitempty"`
	Line int    `json:",omitempty"`
}

// GoVersion is the version of Go that built the tests.
func (h *Header) GoVersion() string { return h.Env["GOVERSION"] }

// check says why the archive is not for this program or machine.
func (h *Header) check() error {
	switch goos, goarch := h.Env["GOOS"], h.Env["GOARCH"]; {
	case h.Format > Format:
		return fmt.Errorf("it has format %d, and this pgtest knows %d: a newer one is needed", h.Format, Format)
	case h.Format < 1 || h.Entries < 0 || h.Size < 0:
		return errDamaged
	case !h.isLocal():
		return errors.New("it names files outside of itself")
	case goos != runtime.GOOS || goarch != runtime.GOARCH:
		return fmt.Errorf("its tests are built for %s/%s, and this is %s/%s", goos, goarch, runtime.GOOS, runtime.GOARCH)
	}
	return nil
}

// isLocal reports whether all that the header names is in the archive.
func (h *Header) isLocal() bool {
	for _, p := range h.Packages {
		if p == nil || !isLocal(p.Dir) || p.Binary != "" && !isLocal(p.Binary) {
			return false
		}
		for _, file := range p.Meta {
			if !isLocal(file) {
				return false
			}
		}
	}
	return isLocal(h.Dir) && isLocal(h.Root)
}

// Package returns a package by its import path, nil if it is not there.
func (h *Header) Package(importPath string) *Package {
	for _, p := range h.Packages {
		if p.ImportPath == importPath {
			return p
		}
	}
	return nil
}

// Select returns the packages that patterns name, in their order, each once, and
// the patterns that name none. Without a pattern it is all packages.
func (h *Header) Select(patterns []string) (chosen []*Package, unmatched []string) {
	if len(patterns) == 0 {
		return h.Packages, nil
	}
	taken := make(map[*Package]bool)
	for _, pattern := range patterns {
		found := false
		for _, p := range h.Packages {
			if !h.matches(pattern, p) {
				continue
			}
			if found = true; !taken[p] {
				taken[p] = true
				chosen = append(chosen, p)
			}
		}
		if !found {
			unmatched = append(unmatched, pattern)
		}
	}
	return chosen, unmatched
}

func (h *Header) matches(pattern string, p *Package) bool {
	first, _, _ := strings.Cut(pattern, "/")
	switch {
	case pattern == "all":
		return true
	case first == "." || first == "..":
		return gotest.MatchesPackage(path.Join(h.Dir, pattern), p.Dir)
	}
	return gotest.MatchesPackage(strings.TrimSuffix(pattern, "/"), p.ImportPath)
}

var errDamaged = errors.New("it is damaged")

// summer makes the sum of an archive's entries.
type summer struct{ hash.Hash }

func newSummer() summer { return summer{sha256.New()} }

// add adds an entry, whose content is written behind it.
func (s summer) add(e entry) {
	fmt.Fprintf(s, "%q %q %o %d\n", e.name, e.link, e.mode, e.size)
}

func (s summer) text() []byte { return fmt.Appendf(nil, "%x\n", s.Sum(nil)) }

// An entry is a file, or a symbolic link to link.
type entry struct {
	name, link string
	mode       fs.FileMode
	size       int64
}

// encode returns the header as it is written.
func (h *Header) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "\t")
	err := enc.Encode(h)
	if err == nil && b.Len() > maxHeader {
		err = errors.New("too many packages")
	}
	return b.Bytes(), err
}

// bare returns an error without the operation and the path.
func bare(err error) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		return pathErr.Err
	case errors.As(err, &linkErr):
		return linkErr.Err
	}
	return err
}
