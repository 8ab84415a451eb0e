package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/cmd/pgtest/internal/timing"
	"pgtest/harness/buildcache"
	"pgtest/harness/linkcache"
	"pgtest/harness/plural"
	"pgtest/harness/steady"
)

const toolUsage = `Usage: NAME tool COMMAND [flags]

Commands:
    NAME tool slowest      find or skip the slowest tests
    NAME tool ci-matrix    use previous test runtime to place packages into optimal buckets
    NAME tool archive      build tests and pack them for machines without Go
    NAME tool merge        show what all shards left as one run
    NAME tool plan         divide packages and tests among shards by previous runtime
    NAME tool report       show an event file again, and write reports from it
    NAME tool history      list, show, export, import and remove earlier runs
    NAME tool replay       show an earlier run again, and write reports from it
    NAME tool flaky        list the tests that both passed and failed at the same commit
    NAME tool config       show prints the settings of flags, schema the JSON schema of pgtest.toml
    NAME tool cache        print how useful the link cache is; cache clean empties it
    NAME tool completion   print what makes a shell complete command lines of pgtest
    NAME tool man          print the manual page

Use 'NAME tool COMMAND --help' for the flags of slowest, ci-matrix, plan and archive.
`

// runTool returns a tool that takes flags of a run, nil for another.
func runTool(name string) func(args []string, gotestsum bool) (int, error) {
	return map[string]func([]string, bool) (int, error){"archive": makeArchive, "merge": merge, "replay": replay, "report": report}[name]
}

// tool runs pgtest tool, with the words that follow.
func tool(args []string, gotestsum bool) (int, error) {
	name, badUsage, failed := "pgtest", ownError(gotestsum), 1
	if gotestsum {
		name, failed = gotestsumName, badUsage
	}
	var err error
	switch {
	case len(args) == 0 && gotestsum, len(args) > 0 && slices.Contains([]string{"help", "?", "-h", "--help"}, args[0]):
		_, err = fmt.Println(strings.ReplaceAll(toolUsage, "NAME", name))
	case len(args) > 0 && timing.Tools[args[0]] != nil:
		streams := timing.Streams{In: steady.Reader(os.Stdin), Out: steady.Writer(os.Stdout), Err: steady.Writer(os.Stderr)}
		if err := timing.Tools[args[0]](name+" tool "+args[0], args[1:], streams); err != nil {
			return badUsage, err
		}
	case len(args) > 0 && args[0] == "history":
		err = historyTool(steady.Writer(os.Stdout), args[1:])
		if err == errHistoryUsage {
			return badUsage, err
		}
	case slices.Equal(args, []string{"flaky"}), slices.Equal(args, []string{"flaky", "--write"}):
		if err := flakyTool(steady.Writer(os.Stdout), args[1:], time.Now()); err != nil {
			return badUsage, err
		}
	case len(args) > 1 && args[0] == "config" && args[1] == "show":
		return showSettings(args[2:], gotestsum)
	case slices.Equal(args, []string{"config", "schema"}):
		err = flags.Schema(steady.Writer(os.Stdout))
	case slices.Equal(args, []string{"cache"}):
		err = printLinkCache(steady.Writer(os.Stdout))
	case slices.Equal(args, []string{"cache", "clean"}):
		err = cleanLinkCache()
	case len(args) == 2 && args[0] == "completion" && slices.Contains(flags.Shells, args[1]):
		err = flags.PrintCompletion(steady.Writer(os.Stdout), args[1])
	case slices.Equal(args, []string{"man"}):
		err = flags.Man(steady.Writer(os.Stdout))
	case len(args) > 0 && args[0] == "complete": // for the script that completion prints
		printLines(flags.Complete(args[1:]))
	case len(args) == 2 && args[0] == "complete-line":
		printLines(flags.CompleteLine(args[1]))
	default:
		return badUsage, errors.New("usage: pgtest tool cache [clean], pgtest tool config show|schema, pgtest tool flaky [--write], pgtest tool archive|ci-matrix|history|merge|plan|replay|report|slowest [flags], pgtest tool completion " +
			strings.Join(flags.Shells, "|") + ", pgtest tool man")
	}
	if err != nil {
		return failed, err
	}
	return 0, nil
}

// showSettings prints what a command line with these words would have for settings.
func showSettings(args []string, gotestsum bool) (int, error) {
	c, err := flags.Parse(args, gotestsum)
	if err != nil {
		return ownError(gotestsum), err
	}
	if c, err = c.Fit(check); err != nil {
		return ownError(gotestsum), err
	}
	pkg, test, err := c.Shown()
	switch {
	case err != nil:
		return ownError(gotestsum), err
	case pkg == "":
		return 0, c.PrintSettings(steady.Writer(os.Stdout))
	}
	if err := c.PrintOverrides(steady.Writer(os.Stdout), pkg, test); err != nil {
		return ownError(gotestsum), err
	}
	return 0, nil
}

func printLines(lines []string) {
	for _, line := range lines {
		fmt.Println(line)
	}
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
	if size, bundles := buildcache.Size(buildcache.Beside(cache.Dir())); err == nil && bundles > 0 {
		_, err = fmt.Fprintf(w, "besides    %s in %s from GOCACHEPROG\n", formatSize(size), plural.Count(bundles, "bundle", "bundles"))
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
	return errors.Join(cache.Clean(), buildcache.Clean(buildcache.Beside(cache.Dir())))
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
