// Package coverage merges go's coverage profiles, so that a round that runs some
// tests again adds to the profile of the whole run.
package coverage

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Profiles are the profile that the user asked for, and that of a later round.
// A nil Profiles stands for none.
type Profiles struct{ target, later string }

// New returns Profiles with the file of the first round.
func New(target string) *Profiles { return &Profiles{target: target} }

// Next returns the file for the profile of the next round, in dir, "" for none.
func (p *Profiles) Next(dir string) string {
	if p == nil {
		return ""
	}
	p.later = filepath.Join(dir, "cover.out")
	return p.later
}

// Merge adds the profile of the round that has ended to the first one. A round
// without a profile adds nothing.
func (p *Profiles) Merge() error {
	if p == nil || p.later == "" {
		return nil
	}
	later, err := os.ReadFile(p.later)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.Remove(p.later)
	}
	var first []byte
	if err == nil {
		first, err = os.ReadFile(p.target)
	}
	if err == nil {
		first, err = merge(first, later)
	}
	if err == nil {
		err = os.WriteFile(p.target, first, 0o666)
	}
	if err != nil {
		return fmt.Errorf("-coverprofile: %w", err)
	}
	return nil
}

// merge returns a profile with the blocks of both, each once: its count is the
// sum, or 1 at most in mode set.
func merge(first, later []byte) ([]byte, error) {
	mode, blocks, ok := bytes.Cut(first, []byte("\n"))
	otherMode, others, otherOK := bytes.Cut(later, []byte("\n"))
	switch {
	case !ok:
		return later, nil
	case !otherOK:
		return first, nil
	case string(mode) != string(otherMode):
		return nil, fmt.Errorf("profiles of %q and %q can't be merged", mode, otherMode)
	}
	counts := make(map[string]uint64)
	var order []string
	for line := range strings.Lines(string(blocks) + string(others)) {
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		count, err := strconv.ParseUint(line[i+1:], 10, 64)
		if i < 0 || err != nil {
			return nil, fmt.Errorf("bad line in a profile: %q", line)
		}
		block := line[:i]
		if _, known := counts[block]; !known {
			order = append(order, block)
		}
		counts[block] += count
	}
	merged := bytes.NewBuffer(append(mode, '\n'))
	for _, block := range order {
		count := counts[block]
		if string(mode) == "mode: set" {
			count = min(count, 1)
		}
		fmt.Fprintln(merged, block, count)
	}
	return merged.Bytes(), nil
}
