package linkcache

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// An outcome is what became of a link, and the byte that stands for it in the
// log. The log is a file to which every link appends one byte.
type outcome byte

const (
	hit      outcome = 'h' // copied from the cache
	fetched  outcome = 'f' // copied from the user's GOCACHEPROG
	miss     outcome = 'm' // linked and stored
	uncached outcome = 'u' // linked, not stored: failed, or can't be cached
)

// maxLog bounds the log. Beyond it, counting starts again.
const maxLog = 1 << 20

func (c *Cache) logPath() string { return filepath.Join(c.dir, "log") }

// note counts an outcome. A cache that can't be written to counts nothing.
func (c *Cache) note(o outcome) {
	f, err := os.OpenFile(c.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write([]byte{byte(o)})
}

// Stats say how full the cache is and how useful.
type Stats struct {
	Entries int
	Size    int64 // of all entries, in bytes

	// Links since the cache was emptied, or since the last million or so.
	Hits     int // copied from the cache
	Fetched  int // copied from the user's GOCACHEPROG
	Misses   int // linked and stored
	Uncached int // linked and not stored
}

// HitRate returns the share of links that were not done again, from 0 to 1;
// 0 if there were none.
func (s Stats) HitRate() float64 {
	links := s.Hits + s.Fetched + s.Misses + s.Uncached
	if links == 0 {
		return 0
	}
	return float64(s.Hits+s.Fetched) / float64(links)
}

// Stats counts entries and links.
func (c *Cache) Stats() (Stats, error) {
	entries, err := c.entries()
	if err != nil {
		return Stats{}, err
	}
	var s Stats
	for _, e := range entries {
		s.Entries++
		s.Size += e.size
	}
	log, err := os.ReadFile(c.logPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Stats{}, err
	}
	count := func(o outcome) int { return bytes.Count(log, []byte{byte(o)}) }
	s.Hits, s.Fetched, s.Misses, s.Uncached = count(hit), count(fetched), count(miss), count(uncached)
	return s, nil
}
