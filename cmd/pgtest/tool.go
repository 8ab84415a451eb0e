package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/linkcache"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
)

// tool runs pgtest tool, with the words that follow.
func tool(args []string) (int, error) {
	var err error
	switch {
	case slices.Equal(args, []string{"cache"}):
		err = printLinkCache(steady.Writer(os.Stdout))
	case slices.Equal(args, []string{"cache", "clean"}):
		err = cleanLinkCache()
	case len(args) == 2 && args[0] == "completion" && slices.Contains(flags.Shells, args[1]):
		err = flags.PrintCompletion(steady.Writer(os.Stdout), args[1])
	case len(args) > 0 && args[0] == "complete": // for the script that completion prints
		for _, word := range flags.Complete(args[1:]) {
			fmt.Println(word)
		}
	default:
		return usageStatus, errors.New("usage: pgtest tool cache [clean], pgtest tool completion " + strings.Join(flags.Shells, "|"))
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// printLinkCache says how full the link cache is and how useful.
func printLinkCache(w io.Writer) error {
	cache, err := userLinkCache()
	if err != nil {
		return err
	}
	s, err := cache.Stats()
	if err != nil {
		return err
	}
	links := s.Hits + s.Fetched + s.Misses + s.Uncached
	_, err = fmt.Fprintf(w, "directory  %s\nsize       %s in %s\nhit rate   %.1f %% of %s\n",
		cache.Dir(), formatSize(s.Size), plural.Count(s.Entries, "binary", "binaries"),
		100*s.HitRate(), plural.Count(links, "link", "links"))
	if err == nil && links > 0 {
		_, err = fmt.Fprintf(w, "           %d from this cache, %d through GOCACHEPROG, %d linked and stored, %d linked only\n",
			s.Hits, s.Fetched, s.Misses, s.Uncached)
	}
	if err == nil && s.Uncached > 0 {
		err = printReasons(w, s)
	}
	return err
}

// maxReasons is how many reasons are shown. Among many, the last name single
// files.
const maxReasons = 10

func printReasons(w io.Writer, s linkcache.Stats) error {
	var text strings.Builder
	rest := s.Uncached
	for i, reason := range s.Reasons {
		if i == maxReasons {
			fmt.Fprintf(&text, "%10d %s\n", rest, "for other reasons")
			break
		}
		fmt.Fprintf(&text, "%10d %s\n", reason.Links, reason.Text)
		rest -= reason.Links
	}
	_, err := fmt.Fprintf(w, "linked only, because of\n%s", text.String())
	return err
}

func cleanLinkCache() error {
	cache, err := userLinkCache()
	if err != nil {
		return err
	}
	return cache.Clean()
}

// formatSize writes a size in bytes in the largest unit that is not too large.
func formatSize(bytes int64) string {
	size, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
