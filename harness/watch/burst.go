package watch

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A burst is the changes that belong together, as those of one save or of one
// git checkout. It ends when nothing has changed for a while: for longer the
// more has changed, since many files have gaps between them.
type burst struct {
	paths       map[string]bool // true if the file came into being in this burst
	lost        bool            // there were more changes than the system could tell
	first, last time.Time
	lock        time.Time // when git was last seen to have its lock
}

const (
	fewPaths  = 4 // what an editor touches for a save
	fewPause  = 30 * time.Millisecond
	manyPause = 200 * time.Millisecond
	// longest is how long a file that is written all the time can hold back the
	// others, longestLocked how long git can.
	longest       = 2 * time.Second
	longestLocked = 30 * time.Second
)

func (b *burst) add(path string, created bool, now time.Time) {
	if b.empty() {
		b.paths, b.first = make(map[string]bool), now
	}
	b.last = now
	if _, known := b.paths[path]; path != "" && !known {
		b.paths[path] = created
	}
}

// lose says that there may have been any change.
func (b *burst) lose(now time.Time) {
	b.add("", false, now)
	b.lost = true
}

func (b *burst) empty() bool { return b.paths == nil }

// wait returns how long the burst may still go on if nothing happens. locked
// says that git is changing files: what it wrote last may be told only after it
// has given its lock back.
func (b *burst) wait(now time.Time, locked bool) time.Duration {
	pause, latest, last := fewPause, b.first.Add(longest), b.last
	if locked {
		b.lock = now
	}
	if !b.lock.IsZero() {
		latest = b.first.Add(longestLocked)
		if b.lock.After(last) {
			last = b.lock
		}
	}
	if len(b.paths) > fewPaths || b.lost || !b.lock.IsZero() {
		pause = manyPause
	}
	end := last.Add(pause)
	if end.After(latest) {
		end = latest
	}
	return end.Sub(now)
}

// gitLock returns the file that is there while git changes the files of the
// working tree that a directory belongs to, "" outside of one.
func gitLock(dir string) string {
	for {
		git := filepath.Join(dir, ".git")
		info, err := os.Stat(git)
		switch {
		case err == nil && info.IsDir():
			return filepath.Join(git, "index.lock")
		case err == nil:
			text, _ := os.ReadFile(git)
			target := strings.TrimSpace(strings.TrimPrefix(string(text), "gitdir:"))
			if !filepath.IsAbs(target) {
				target = filepath.Join(dir, target)
			}
			return filepath.Join(target, "index.lock")
		case dir == filepath.Dir(dir):
			return ""
		}
		dir = filepath.Dir(dir)
	}
}
