package history

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tempAge is how old a file without a number is of which nobody makes a run.
const tempAge = time.Hour

// tidy keeps the store within its bounds, completes the files of killed runs, and
// returns lines about files that were not as they should be.
func (s *Store) tidy(ctx context.Context) []string {
	var damaged, killed []string
	entries, _ := s.entries()
	size := int64(0)
	for i, e := range entries {
		if ctx.Err() != nil {
			break
		}
		info, err := os.Lstat(e.path)
		if err != nil {
			continue
		}
		size += info.Size()
		if i >= s.MaxRuns || size > s.MaxSize || time.Since(info.ModTime()) > s.MaxAge {
			removeIdle(e.path)
			continue
		}
		if hasEnd(e.path) {
			continue
		}
		run, err := load(ctx, e)
		switch {
		case errors.Is(err, errDamaged) && removeIdle(e.path):
			damaged = append(damaged, e.path)
		case err == nil && run.mended:
			killed = append(killed, run.ID)
		}
	}
	temps, _ := filepath.Glob(filepath.Join(s.dir, tempPrefix+"*"))
	for _, path := range temps {
		if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > tempAge {
			os.Remove(path)
		}
	}
	var lines []string
	if len(damaged) > 0 {
		lines = append(lines, "removed what is damaged: "+strings.Join(damaged, ", "))
	}
	if len(killed) > 0 {
		lines = append(lines, "a run was killed, and is kept as far as it came: "+strings.Join(killed, ", "))
	}
	return lines
}

// hasEnd reports whether a file is that of a run that is over.
func hasEnd(path string) bool {
	f, err := openPlain(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	c := content{ReaderAt: f, size: info.Size()}
	return c.readHead() == nil && c.findSummary()
}

// removeIdle removes a file unless it is being written.
func removeIdle(path string) bool {
	f, err := openPlain(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && os.Remove(path) == nil
}

// Clean removes all runs but those that go on, and returns how many.
func (s *Store) Clean() (int, error) {
	entries, err := s.entries()
	n := 0
	for _, e := range entries {
		if removeIdle(e.path) {
			n++
		}
	}
	return n, err
}
