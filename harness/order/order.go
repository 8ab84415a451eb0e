// Package order decides which packages a run tests first, by what came of earlier
// runs: those that failed, then those that take longest. It starts no process.
package order

import (
	"cmp"
	"go/build"
	"iter"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/history"
)

const (
	// maxRuns is how many runs are looked at, maxFront how many packages are put
	// in front at most.
	maxRuns  = 20
	maxFront = 64
	// long is how long a package takes for which its place matters.
	long = 100 * time.Millisecond
)

// Front returns the packages to name in front of those that a run names, by their
// import paths. The run is told by the header with which it will be recorded, runs
// are earlier ones, the newest first.
//
// A package that is named by itself is tested even if no pattern matches it, and is
// an error where it is not there. So it is returned only if a run with the same
// patterns, flags and variables had it, in the same module, and go test will find
// files in its directory. Of all others the order stays as it is.
func Front(run history.Header, runs iter.Seq[*history.Run], estimates map[string]time.Duration) []string {
	if len(run.Patterns) == 0 || len(run.Patterns) == 1 && !strings.Contains(run.Patterns[0], "...") {
		return nil
	}
	had, failed := before(run, runs)
	if len(had) < 2 {
		return nil
	}
	var slow []string
	for pkg := range had {
		if !slices.Contains(failed, pkg) && estimates[pkg] >= long {
			slow = append(slow, pkg)
		}
	}
	slices.SortFunc(slow, func(a, b string) int {
		return cmp.Or(cmp.Compare(size(estimates[b]), size(estimates[a])), strings.Compare(a, b))
	})
	front := slices.DeleteFunc(append(failed, slow...), func(pkg string) bool { return had[pkg].IsZero() })
	m, ok := newModule(run)
	if !ok {
		return nil
	}
	front = front[:min(len(front), maxFront)]
	return slices.DeleteFunc(front, func(pkg string) bool { return !m.has(pkg, had[pkg]) })
}

// size is the same for times that differ by a quarter at most, so that packages do
// not change places in each run. It is higher for longer ones.
func size(d time.Duration) int { return int(math.Round(math.Log(d.Seconds()) / math.Log(1.25))) }

// before returns what runs like this one had, with when, and the packages that
// failed when any run last had them.
func before(run history.Header, runs iter.Seq[*history.Run]) (had map[string]time.Time, failed []string) {
	had = make(map[string]time.Time)
	seen := make(map[string]bool)
	n := 0
	for r := range runs {
		if r.Imported || r.Outcome == history.Running {
			continue
		}
		if n++; n > maxRuns {
			break
		}
		same := isLike(run, r.Header)
		for _, p := range r.Packages {
			if same && had[p.Path].IsZero() {
				had[p.Path] = r.Started
			}
			if tells := p.End.Failed() || len(r.Narrow) == 0 && !r.Outstanding; tells && !seen[p.Path] {
				seen[p.Path] = true
				if p.End.Failed() {
					failed = append(failed, p.Path)
				}
			}
		}
	}
	return had, failed
}

// isLike reports whether two runs name the same packages in the same way.
func isLike(a, b history.Header) bool {
	gos := func(env map[string]string) map[string]string {
		env = maps.Clone(env)
		maps.DeleteFunc(env, func(name, _ string) bool { return strings.HasPrefix(name, "PGTEST_") })
		return env
	}
	return a.GoDir == b.GoDir && slices.Equal(a.Patterns, b.Patterns) && slices.Equal(a.BuildFlags, b.BuildFlags) && maps.Equal(gos(a.Env), gos(b.Env))
}

// A module is that of a run.
type module struct {
	root, path string
	changed    time.Time // of what says which packages are in it
	context    build.Context
}

// newModule returns the module in which a run takes place. It fails if the flags
// make files be other than they seem.
func newModule(run history.Header) (m module, ok bool) {
	flags, err := gotest.SplitQuoted(run.Env["GOFLAGS"])
	if err != nil {
		return m, false
	}
	m.context = build.Default
	line := gotest.Parse(slices.Concat(flags, run.BuildFlags))
	for _, p := range line.Parts() {
		switch p.Name {
		case "overlay", "modfile", "compiler":
			return m, false
		case "tags":
			m.context.BuildTags = strings.Split(p.Value, ",")
		}
	}
	for _, name := range []string{"race", "msan", "asan"} {
		if slices.ContainsFunc(line.Parts(), func(p gotest.Part) bool { return p.Name == name }) {
			m.context.BuildTags = append(m.context.BuildTags, name)
		}
	}
	m.context.GOOS = cmp.Or(run.Env["GOOS"], m.context.GOOS)
	m.context.GOARCH = cmp.Or(run.Env["GOARCH"], m.context.GOARCH)
	if m.root, m.path = sources.ModuleOf(run.GoDir); m.path == "" {
		return m, false
	}
	for _, name := range []string{filepath.Join(m.root, "go.mod"), run.Env["GOWORK"], filepath.Join(history.Root(m.root, run.Env["GOWORK"]), "go.work")} {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(m.changed) {
			m.changed = info.ModTime()
		}
	}
	return m, true
}

// has reports whether a package that a run had at some time is certainly still one
// of the module's, for which go test finds files.
func (m module) has(pkg string, then time.Time) bool {
	rest, inside := strings.CutPrefix(pkg+"/", m.path+"/")
	if !inside || m.changed.After(then) {
		return false
	}
	dir := m.root
	for name := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		if name == "" {
			break
		}
		dir = filepath.Join(dir, name)
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() {
			return false
		}
		if _, err := os.Lstat(filepath.Join(dir, "go.mod")); err == nil {
			return false
		}
	}
	p, err := m.context.ImportDir(dir, 0)
	return err == nil && len(p.GoFiles)+len(p.CgoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) > 0
}
