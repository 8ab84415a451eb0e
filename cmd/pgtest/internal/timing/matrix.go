package timing

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"gotest.tools/gotestsum/testjson"
)

const matrixHelp = `Read a list of packages from standard input and print a matrix strategy of GitHub
Actions that shares them among jobs, so that each takes as long, by the time that
they took before:

    echo -n "matrix=" >>$GITHUB_OUTPUT
    go list ./... | NAME --timing-files='./*.log' --partitions=4 >>$GITHUB_OUTPUT

The timing files come from --jsonfile-timing-events or --jsonfile, and may be
compressed with zstd, or from --junitfile or tool history export.
`

func matrix(name string, args []string, s Streams) error {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	partitions := set.Uint("partitions", 0, "`n` jobs, 2 or more")
	pattern := set.String("timing-files", "", "`pattern` of the event files' names, as ./logs/*.log")
	debug := set.Bool("debug", false, "say on standard error which job each package is for")
	if ok, err := ParseFlags(set, args, matrixHelp, s.Out); !ok {
		return err
	}
	switch {
	case *partitions < 2:
		return errors.New("--partitions must be 2 or more")
	case *pattern == "":
		return errors.New("--timing-files is missing")
	}
	packages, err := readPackages(s)
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(*pattern)
	if err != nil {
		return fmt.Errorf("--timing-files %s: %w", *pattern, err)
	}
	fmt.Fprintf(s.Err, "Found %d timing files in %s\n", len(paths), *pattern)
	known, err := readTimes(paths)
	if err != nil {
		return err
	}
	times := make(map[string]time.Duration)
	for _, p := range known.of(packages) {
		times[p.Path] = p.Time
	}
	jobs := share(packages, times, *partitions)
	log := debugTo(*debug, s.Err)
	for i, job := range jobs {
		for _, p := range job.packages {
			fmt.Fprintf(log, "%s (%v) is for job %d, which takes %v\n", p, times[p], i, job.total)
		}
	}
	return json.NewEncoder(s.Out).Encode(strategy{include(jobs)})
}

func readPackages(s Streams) ([]string, error) {
	var packages []string
	lines := bufio.NewScanner(s.In)
	for lines.Scan() {
		if p := strings.TrimSpace(lines.Text()); p != "" {
			packages = append(packages, p)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", bare(err))
	}
	return packages, nil
}

// A job is a part of the packages.
type job struct {
	total    time.Duration
	packages []string
}

// share gives each package, the slowest first, to the job that takes least so
// far. The order of equal ones is gotestsum's, which depends on its comparison.
func share(packages []string, times map[string]time.Duration, n uint) []job {
	sort.SliceStable(packages, func(i, j int) bool { return times[packages[i]] >= times[packages[j]] })
	jobs := make([]job, n)
	for _, p := range packages {
		least := &jobs[0]
		for i := range jobs[1:] {
			j := &jobs[i+1]
			if j.total < least.total || j.total == least.total && len(j.packages) < len(least.packages) {
				least = j
			}
		}
		least.total += times[p]
		least.packages = append(least.packages, p)
	}
	return jobs
}

// strategy is what GitHub Actions takes.
type strategy struct {
	Include []partition `json:"include"`
}

type partition struct {
	ID               int    `json:"id"`
	EstimatedRuntime string `json:"estimatedRuntime"`
	Packages         string `json:"packages"`
	Description      string `json:"description"`
}

func include(jobs []job) []partition {
	all := make([]partition, len(jobs))
	for i, job := range jobs {
		all[i] = partition{ID: i, EstimatedRuntime: job.total.String(), Packages: strings.Join(job.packages, " ")}
		if len(job.packages) == 0 {
			continue
		}
		others := ""
		if n := len(job.packages) - 1; n > 0 {
			others = fmt.Sprintf(" and %d others", n)
		}
		all[i].Description = fmt.Sprintf("%d - %s%s", i, testjson.RelativePackagePath(job.packages[0]), others)
	}
	return all
}
