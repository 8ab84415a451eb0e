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
}

const (
	fewPaths  = 4 // what an editor touches for a save
	fewPause  = 30 * time.Millisecond
	manyPause = 200 * time.Millisecond
	// longest is how long a file that is written all the time can hold back the
	// others, longestLocked how long git can.
	longest       = 2 * time.Second
	longestLocked = 30 * time.Second
	lockPause     = 20 * time.Millisecond
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
// says that git is changing files.
func (b *burst) wait(now time.Time, locked bool) time.Duration {
	pause := fewPause
	if len(b.paths) > fewPaths || b.lost {
		pause = manyPause
	}
	end := b.last.Add(pause)
	if latest := b.first.Add(longest); end.After(latest) {
		end = latest
	}
	if locked && now.Before(b.first.Add(longestLocked)) && end.Before(now.Add(lockPause)) {
		end = now.Add(lockPause)
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
