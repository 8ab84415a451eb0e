package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
	cache.Quick = c.Watch
	cache.Program = gotest.Env("GOCACHEPROG")
	cache.Build = buildOf(c)
	return cache
}

// buildOf describes what a command line builds, whichever of its tests are run.
func buildOf(c *flags.CommandLine) []string {
	description := c.Line.Packages()
	for _, p := range c.Line.Parts() {
		if p.Kind == gotest.OwnFlag && gotest.IsBuildFlag(p.Name) && !slices.Contains(showing, p.Name) {
			description = append(description, p.Words...)
		}
	}
	if c.Shard.Total > 0 {
		description = append(description, fmt.Sprintf("shard %d of %d", c.Shard.Index, c.Shard.Total))
	}
	return description
}

// showing are the build flags that leave what is built as it is.
var showing = []string{"C", "exec", "json", "n", "o", "p", "toolexec", "v", "work", "x"}

func userLinkCache() (*linkcache.Cache, error) {
	dir, err := linkcache.DefaultDir()
	if err != nil {
		return nil, err
	}
	return linkcache.Open(dir)
}

// firstTime reports whether the user has not had this message in this session.
// It leaves a file in the directory for the session's files, or in the one for
// temporary files, and reports false if that can't be made.
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
