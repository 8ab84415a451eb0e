// Package coverage knows go's coverage profiles: it reads and merges them, counts
// what they cover, and writes that for other readers. It runs nothing, and learns
// from its caller where the files of a profile are.
package coverage

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/cover"
)

// A Profile is what test binaries covered. The zero Profile is empty.
type Profile struct {
	// Mode is set, count or atomic, or "" for an empty profile.
	Mode string
	// Files are sorted by name. Their blocks are sorted by position, and each
	// stands there once.
	Files []*cover.Profile
}

// Parse reads a profile as go test writes it. Whole says that each block stood
// there once.
func Parse(text []byte) (p Profile, whole bool, err error) {
	if len(text) == 0 {
		return p, true, nil
	}
	head, _, _ := bytes.Cut(text, []byte("\n"))
	files, err := cover.ParseProfilesFromReader(bytes.NewReader(text))
	if err != nil {
		return p, false, err
	}
	p = Profile{strings.TrimPrefix(string(head), "mode: "), files}
	for _, f := range files {
		if err := p.join(f, nil); err != nil {
			return p, false, err
		}
	}
	return p, bytes.Count(text, []byte("\n")) == 1+p.blocks(), nil
}

// Packages returns the import paths of the files.
func (p *Profile) Packages() []string {
	var all []string
	for _, f := range p.Files {
		all = append(all, path.Dir(f.FileName))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *Profile) blocks() int {
	n := 0
	for _, f := range p.Files {
		n += len(f.Blocks)
	}
	return n
}

// Add adds what another profile covered, which must have the same mode and the
// same blocks in files of the same name. One that has no files may have any mode.
func (p *Profile) Add(other Profile) error {
	switch {
	case other.Mode == "", len(other.Files) == 0 && p.Mode != "":
		return nil
	case len(p.Files) == 0:
		*p = other
		return nil
	case p.Mode != other.Mode:
		return fmt.Errorf("profiles of mode %s and of mode %s can't be merged", p.Mode, other.Mode)
	}
	for _, f := range other.Files {
		at, found := slices.BinarySearchFunc(p.Files, f.FileName, func(f *cover.Profile, name string) int {
			return cmp.Compare(f.FileName, name)
		})
		if !found {
			p.Files = slices.Insert(p.Files, at, f)
			continue
		}
		if err := p.join(p.Files[at], f.Blocks); err != nil {
			return err
		}
	}
	return nil
}

// join adds blocks to those of a file. Blocks at the same place become one: its
// count is the sum, or 1 at most in mode set. Package cover does so only for
// those that it finds side by side.
func (p *Profile) join(f *cover.Profile, more []cover.ProfileBlock) error {
	all := append(f.Blocks, more...)
	slices.SortStableFunc(all, comparePlaces)
	f.Blocks = all[:0]
	for _, b := range all {
		last := len(f.Blocks) - 1
		if last < 0 || comparePlaces(f.Blocks[last], b) != 0 {
			f.Blocks = append(f.Blocks, b)
			continue
		}
		same := &f.Blocks[last]
		if same.NumStmt != b.NumStmt {
			return fmt.Errorf("%s:%d.%d has %d statements, and %d elsewhere", f.FileName, b.StartLine, b.StartCol, same.NumStmt, b.NumStmt)
		}
		if same.Count += b.Count; p.Mode == "set" {
			same.Count = min(same.Count, 1)
		}
	}
	return nil
}

func comparePlaces(a, b cover.ProfileBlock) int {
	return cmp.Or(a.StartLine-b.StartLine, a.StartCol-b.StartCol, a.EndLine-b.EndLine, a.EndCol-b.EndCol)
}

// Write writes the profile as go test does, which has no line for an empty one.
func (p *Profile) Write(w io.Writer) error {
	if p.Mode == "" {
		return nil
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "mode: %s\n", p.Mode)
	for _, f := range p.Files {
		for _, b := range f.Blocks {
			fmt.Fprintf(out, "%s:%d.%d,%d.%d %d %d\n", f.FileName, b.StartLine, b.StartCol, b.EndLine, b.EndCol, b.NumStmt, b.Count)
		}
	}
	return out.Flush()
}

// Statements counts the statements.
func (p *Profile) Statements() Count {
	var c Count
	for _, f := range p.Files {
		for _, b := range f.Blocks {
			c.add(b.NumStmt, b.Count > 0)
		}
	}
	return c
}

// A Count says how many of all things are covered.
type Count struct{ Covered, All int }

func (c *Count) add(n int, covered bool) {
	c.All += n
	if covered {
		c.Covered += n
	}
}

// Percent is how much of it is covered, 0 if there is nothing.
func (c Count) Percent() float64 { return 100 * c.rate() }

func (c Count) rate() float64 { return float64(c.Covered) / max(1, float64(c.All)) }

// String is the percentage as go's tools print it.
func (c Count) String() string { return fmt.Sprintf("%.1f%%", c.Percent()) }

// Reaches reports whether at least so many percent are covered.
func (c Count) Reaches(percent float64) bool {
	return float64(c.Covered)*100 >= percent*float64(c.All)
}
