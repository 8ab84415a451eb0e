package main

import (
	"fmt"
	"os"

	"pgtest/harness/linkcache"
)

// openLinkCache returns the user's link cache, or nil if the run is to link
// everything: because of our flags, because -a asks for it, or because the
// cache can't be used, which is said.
func openLinkCache(o linkCacheOptions, f goFlags) *linkcache.Cache {
	if !o.on || f.rebuild {
		return nil
	}
	cache, err := userLinkCache()
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: link cache off: %v\n", err)
		return nil
	}
	cache.MaxSize = o.size
	cache.Program = goEnv("GOCACHEPROG")
	return cache
}

func userLinkCache() (*linkcache.Cache, error) {
	dir, err := linkcache.DefaultDir()
	if err != nil {
		return nil, err
	}
	return linkcache.Open(dir)
}
