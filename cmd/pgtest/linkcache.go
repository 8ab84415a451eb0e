package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/gotest"
	"pgtest/harness/linkcache"
)

// openLinkCache returns the user's link cache, or nil if the run is to link
// everything: because of our flags, because -a asks for it, or because the
// cache can't be used.
func openLinkCache(c *flags.CommandLine) *linkcache.Cache {
	if !c.LinkCache || c.Settings.Rebuild {
		return nil
	}
	cache, err := userLinkCache()
	if err != nil {
		if firstTime("link-cache-off-" + err.Error()) {
			fmt.Fprintf(os.Stderr, "pgtest: link cache off: %v\n", err)
		}
		return nil
	}
	cache.MaxSize = c.LinkCacheSize
	cache.Program = gotest.Env("GOCACHEPROG")
	return cache
}

func userLinkCache() (*linkcache.Cache, error) {
	dir, err := linkcache.DefaultDir()
	if err != nil {
		return nil, err
	}
	return linkcache.Open(dir)
}

// firstTime reports whether this is the first time that the user is told of
// something, as far as can be known: there is no place to remember it in but
// the directory for this session's files, or the one for temporary files. If
// somebody else makes the file, the user is not told.
func firstTime(what string) bool {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = os.TempDir()
	}
	sum := sha256.Sum256([]byte(what))
	path := filepath.Join(dir, fmt.Sprintf("pgtest-%d-%x", os.Getuid(), sum[:8]))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
