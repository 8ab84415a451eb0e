package linkcache

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// An outcome is what became of a link.
type outcome string

const (
	hit      outcome = "hit"      // copied from the cache
	fetched  outcome = "fetched"  // copied from the user's GOCACHEPROG
	miss     outcome = "miss"     // linked and stored
	uncached outcome = "uncached" // linked, not stored; the reason follows
)

// maxLog bounds the log, to which every link appends a line. Beyond it,
// counting starts again.
const maxLog = 1 << 20

func (c *Cache) logPath() string { return filepath.Join(c.dir, "log") }

// note counts an outcome. If the cache can't be written to, it does nothing.
func (c *Cache) note(o outcome) { c.appendLog(string(o)) }

func (c *Cache) noteUncached(reason error) {
	const maxReason = 200
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, reason.Error())
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	c.appendLog(string(uncached) + " " + text)
}

func (c *Cache) appendLog(line string) {
	f, err := c.open(c.logPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

// note counts an outcome, and tells the run that waits for it.
func (l *link) note(o outcome) {
	l.Cache.note(o)
	if l.Outcomes == "" {
		return
	}
	f, err := os.OpenFile(l.Outcomes, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.WriteString(string(o) + " " + filepath.Dir(l.command.importcfg) + "\n")
}

// Outcomes returns what became of the links that a file of [Cache.Outcomes] tells
// of: "hit", "fetched" or "miss", by the directory of the link in the go command's
// work directory. Links that were not stored are not there.
func Outcomes(file string) map[string]string {
	all := make(map[string]string)
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if o, dir, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " "); ok {
			all[dir] = o
		}
	}
	return all
}

// Stats are the size of the cache and the outcomes of links.
type Stats struct {
	Entries int
	Size    int64 // of all entries, in bytes

	// Links since the cache was emptied, or since the last million or so.
	Hits     int // copied from the cache
	Fetched  int // copied from the user's GOCACHEPROG
	Misses   int // linked and stored
	Uncached int // linked and not stored

	// Reasons are why links were not stored, the most frequent first.
	Reasons []Reason
}

// A Reason is a reason why links were not stored, with their number.
type Reason struct {
	Text  string
	Links int
}

// HitRate returns the share of links that the cache answered, from 0 to 1, or 0
// if there were no links.
func (s Stats) HitRate() float64 {
	links := s.Hits + s.Fetched + s.Misses + s.Uncached
	if links == 0 {
		return 0
	}
	return float64(s.Hits+s.Fetched) / float64(links)
}

// Stats counts entries and links.
func (c *Cache) Stats() (Stats, error) {
	entries, err := c.files("", entrySuffix)
	if err != nil {
		return Stats{}, err
	}
	var s Stats
	for _, e := range entries {
		s.Entries++
		s.Size = min(s.Size, math.MaxInt64-e.size) + e.size
	}
	// Between two runs of Trim the log may get somewhat longer.
	log, err := c.read(c.logPath(), 16*maxLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	reasons := make(map[string]int)
	for line := range strings.Lines(string(log)) {
		word, reason, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch outcome(word) {
		case hit:
			s.Hits++
		case fetched:
			s.Fetched++
		case miss:
			s.Misses++
		case uncached:
			s.Uncached++
			reasons[reason]++
		}
	}
	for text, links := range reasons {
		s.Reasons = append(s.Reasons, Reason{text, links})
	}
	slices.SortFunc(s.Reasons, func(a, b Reason) int { return cmp.Or(cmp.Compare(b.Links, a.Links), cmp.Compare(a.Text, b.Text)) })
	return s, nil
}
