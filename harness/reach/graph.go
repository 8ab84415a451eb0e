// Package reach decides which packages a changed file reaches. It knows the
// packages, their files, and who imports whom. It reads no files.
package reach

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ListFields is what [ParseList] needs of go list -e -deps -test -json.
const ListFields = "ImportPath,Name,Dir,Standard,Match,ForTest,Module,Imports,TestImports,XTestImports," +
	"GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles,IgnoredOtherFiles," +
	"CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles," +
	"EmbedPatterns,EmbedFiles,TestEmbedPatterns,TestEmbedFiles,XTestEmbedPatterns,XTestEmbedFiles"

// listed is a package as go list prints it.
type listed struct {
	ImportPath, Name, Dir, ForTest     string
	Standard                           bool
	Match                              []string
	Module                             *listedModule
	Imports, TestImports, XTestImports []string

	GoFiles, CgoFiles, TestGoFiles, XTestGoFiles, IgnoredGoFiles, IgnoredOtherFiles                   []string
	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles              []string
	EmbedPatterns, EmbedFiles, TestEmbedPatterns, TestEmbedFiles, XTestEmbedPatterns, XTestEmbedFiles []string
}

type listedModule struct {
	Path, Version, Dir, GoVersion string
	Main                          bool
	Replace                       *replacement
}

type replacement struct{ Path, Version string }

// edited reports whether the module's files are the user's.
func (m *listedModule) edited() bool { return m.Main || m.Replace != nil && m.Replace.Version == "" }

// local reports whether the package is one that the user may edit: of a main
// module, of a module that is replaced by a directory, or named by the user.
func (l *listed) local() bool {
	return len(l.Match) > 0 || l.Module != nil && l.Module.edited()
}

// A Package is what a Graph knows of a package.
type Package struct {
	Path, Dir string
	// Module is the directory of its module, "" without one.
	Module string
	// Local says that the user may edit it.
	Local bool
	// Chosen says that the user's patterns match it, so that its tests may run.
	Chosen bool
	// Tests says that it has test files.
	Tests bool

	name                   string
	native                 bool   // it has C or assembly
	module, version        string // path of its module, and what go.sum calls it
	goVersion              string // that its module asks for
	main, edited           bool   // the module is a main one; its files are the user's
	imports, testImports   []string
	tests                  []string        // names of its test files
	files                  map[string]bool // names of its source files, true if this build has them
	embeds, testEmbeds     map[string]bool // absolute paths
	patterns, testPatterns []string
}

// Embedded returns the files that the package and its tests embed.
func (p *Package) Embedded() []string {
	return slices.Collect(maps.Keys(union(p.embeds, p.testEmbeds)))
}

// Built returns the files that the package and its tests are built of, with those
// that they embed.
func (p *Package) Built() []string {
	all := p.Embedded()
	for name, built := range p.files {
		if built {
			all = append(all, filepath.Join(p.Dir, name))
		}
	}
	return all
}

// code returns the names of the Go files that importers are built with.
func (p *Package) code() (names []string) {
	for name, built := range p.files {
		if built && filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names
}

func union(a, b map[string]bool) map[string]bool {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// A Graph is packages and who imports whom: those that the user may edit, and
// what they need but the standard library. It does not change.
type Graph struct {
	packages map[string]*Package
	byDir    map[string][]*Package
	// usedBy has for each package those that import it, and those whose tests
	// do.
	usedBy, testedBy map[string][]*Package
	modules          map[string]string // of local packages: directories, and their paths
	missing          []string          // packages that are imported and that the go command does not find
}

// ParseList reads what go list -e -deps -test -json printed, once for each of
// several modules.
func ParseList(outputs ...io.Reader) (*Graph, error) {
	g := &Graph{
		packages: make(map[string]*Package), byDir: make(map[string][]*Package),
		usedBy: make(map[string][]*Package), testedBy: make(map[string][]*Package), modules: make(map[string]string),
	}
	for _, r := range outputs {
		for d := json.NewDecoder(r); ; {
			var l listed
			if err := d.Decode(&l); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("go list: %w", err)
			}
			switch {
			case l.ForTest != "" || strings.HasSuffix(l.ImportPath, ".test"): // has the same files
			case l.Dir == "":
				g.missing = append(g.missing, l.ImportPath)
			case !l.Standard || l.local():
				g.add(&l)
			}
		}
	}
	for _, p := range g.packages {
		for _, used := range p.imports {
			g.usedBy[used] = append(g.usedBy[used], p)
		}
		for _, used := range p.testImports {
			g.testedBy[used] = append(g.testedBy[used], p)
		}
	}
	return g, nil
}

func (g *Graph) add(l *listed) {
	p := g.packages[l.ImportPath]
	if p != nil {
		p.Chosen = p.Chosen || len(l.Match) > 0
		return
	}
	p = &Package{
		Path: l.ImportPath, name: l.Name, Dir: l.Dir, Local: l.local(), Chosen: len(l.Match) > 0,
		Tests:        len(l.TestGoFiles)+len(l.XTestGoFiles) > 0,
		tests:        append(l.TestGoFiles, l.XTestGoFiles...),
		imports:      l.Imports,
		testImports:  append(l.TestImports, l.XTestImports...),
		files:        make(map[string]bool),
		embeds:       absolute(l.Dir, l.EmbedFiles),
		testEmbeds:   absolute(l.Dir, append(l.TestEmbedFiles, l.XTestEmbedFiles...)),
		patterns:     l.EmbedPatterns,
		testPatterns: append(l.TestEmbedPatterns, l.XTestEmbedPatterns...),
	}
	for _, names := range [][]string{
		l.GoFiles, l.CgoFiles, l.TestGoFiles, l.XTestGoFiles,
		l.CFiles, l.CXXFiles, l.MFiles, l.HFiles, l.FFiles, l.SFiles, l.SwigFiles, l.SwigCXXFiles, l.SysoFiles,
	} {
		for _, name := range names {
			p.files[name] = true
		}
	}
	p.native = len(p.files) > len(l.GoFiles)+len(p.tests)
	for _, name := range append(l.IgnoredGoFiles, l.IgnoredOtherFiles...) {
		p.files[name] = false
	}
	if m := l.Module; m != nil {
		p.module, p.Module, p.version = m.Path, m.Dir, m.Path+" "+m.Version
		p.main, p.edited, p.goVersion = m.Main, m.edited(), m.GoVersion
		if m.Replace != nil {
			p.version = m.Replace.Path + " " + m.Replace.Version
		}
	}
	if p.Local && p.Module != "" {
		g.modules[p.Module] = p.module
	}
	g.packages[p.Path] = p
	g.byDir[p.Dir] = append(g.byDir[p.Dir], p)
}

func absolute(dir string, names []string) map[string]bool {
	all := make(map[string]bool)
	for _, name := range names {
		all[filepath.Join(dir, filepath.FromSlash(name))] = true
	}
	return all
}

// Packages returns the packages that the user may edit, by import path.
func (g *Graph) Packages() []*Package {
	var all []*Package
	for _, p := range g.packages {
		if p.Local {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, byPath)
	return all
}

// Modules returns the directories of their modules.
func (g *Graph) Modules() []string { return slices.Sorted(maps.Keys(g.modules)) }

// Package returns the package of an import path, or nil.
func (g *Graph) Package(path string) *Package { return g.packages[path] }

// A Change is a file that is not as it was.
type Change struct {
	// Path is absolute.
	Path string
	// Gone says that nothing has this name any more.
	Gone bool
	// Header says that imports, build constraints or embedded files may have
	// changed.
	Header bool
	// New says that nobody knows what the file held before, so that it may hold
	// the same now.
	New bool
}

// Reload says whether changes make a Graph out of date.
type Reload int

const (
	// Current: the graph is as it was.
	Current Reload = iota
	// Stale: the graph still knows which tests the changes call for, but should
	// be loaded again before the next ones.
	Stale
	// Unknown: only a new graph knows.
	Unknown
)

// changed has the packages with a change, and whether the change is one for
// their tests alone.
type changed map[*Package]bool

func (c changed) add(p *Package, testsOnly bool) {
	if was, known := c[p]; !known || was {
		c[p] = testsOnly
	}
}

// A step is how a change came to a package.
type step struct {
	depth int
	tests bool     // only its tests can see it
	from  *Package // that it imports; nil for a package with a change
}

// spread returns the packages that changes reach: those with a change, those that
// import them, directly or not, and those whose tests do. A change that only tests
// can see is none for importers.
func (g *Graph) spread(in changed) map[*Package]step {
	all := make(map[*Package]step)
	var queue []*Package
	for p, testsOnly := range in {
		all[p] = step{tests: testsOnly}
		if !testsOnly {
			queue = append(queue, p)
		}
	}
	slices.SortFunc(queue, byPath)
	for ; len(queue) > 0; queue = queue[1:] {
		p := queue[0]
		next := step{depth: all[p].depth + 1, from: p}
		for _, user := range g.usedBy[p.Path] {
			was, known := all[user]
			if known && !was.tests {
				continue
			}
			all[user] = next
			if known {
				all[user] = step{depth: was.depth, from: p}
			}
			queue = append(queue, user)
		}
		for _, user := range g.testedBy[p.Path] {
			if _, known := all[user]; !known {
				all[user] = step{depth: next.depth, tests: true, from: p}
			}
		}
	}
	return all
}

func byPath(x, y *Package) int { return strings.Compare(x.Path, y.Path) }

// Affected returns the packages whose tests the changes call for: those with a
// change, then those that they reach, nearest first. Among equals those in failed
// come first. A change that only tests can see, as one of a _test.go file or in
// testdata, is none for importers. Importers without tests are left out.
func (g *Graph) Affected(changes []Change, failed func(pkg string) bool) ([]string, Reload) {
	in, reload := changed{}, Current
	for _, c := range changes {
		reload = max(reload, g.classify(c, in))
	}
	reached := g.spread(in)
	var all []*Package
	for p, s := range reached {
		if p.Chosen && (p.Tests || s.depth == 0) {
			all = append(all, p)
		}
	}
	first := func(p *Package) int {
		if failed(p.Path) {
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(x, y *Package) int {
		near, far := reached[x].depth, reached[y].depth
		return cmp.Or(min(near, 1)-min(far, 1), first(x)-first(y), near-far, byPath(x, y))
	})
	var paths []string
	for _, p := range all {
		paths = append(paths, p.Path)
	}
	return paths, reload
}

// classify adds the packages that a change is one of.
func (g *Graph) classify(c Change, in changed) Reload {
	dir, base := filepath.Split(c.Path)
	dir = filepath.Clean(dir)
	reload := g.embedded(c.Path, c.Gone, in)
	if owner, ok := cutTestdata(c.Path); ok {
		for _, p := range g.nearest(owner) {
			in.add(p, true)
		}
		return reload
	}
	switch {
	case IsModuleFile(base):
		if _, known := g.modules[dir]; known || base == "go.work" || base == "go.work.sum" {
			for _, p := range g.packages {
				if base == "go.work" || base == "go.work.sum" || p.Module == dir {
					in.add(p, false)
				}
			}
		}
		return Unknown
	case c.Gone && g.removed(c.Path, in):
		return Unknown
	case !IsSource(base):
		return reload
	case len(g.byDir[dir]) == 0:
		return Unknown
	}
	for _, p := range g.byDir[dir] {
		in.add(p, strings.HasSuffix(base, "_test.go"))
		if _, known := p.files[base]; c.Header || c.Gone || !known {
			reload = max(reload, Stale)
		}
	}
	return reload
}

// removed adds the packages below a directory that is gone, and reports whether
// there are any.
func (g *Graph) removed(dir string, in changed) bool {
	found := false
	for _, p := range g.packages {
		if p.Dir == dir || strings.HasPrefix(p.Dir, dir+string(filepath.Separator)) {
			in.add(p, false)
			found = true
		}
	}
	return found
}

// embedded adds the packages that embed a file, or would if they were built
// again.
func (g *Graph) embedded(file string, gone bool, in changed) Reload {
	reload := Current
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		for _, p := range g.byDir[dir] {
			name, _ := filepath.Rel(dir, file)
			name = filepath.ToSlash(name)
			for _, kind := range []struct {
				files     map[string]bool
				patterns  []string
				testsOnly bool
			}{{p.embeds, p.patterns, false}, {p.testEmbeds, p.testPatterns, true}} {
				known := kind.files[file]
				if known || matchesEmbed(kind.patterns, name) {
					in.add(p, kind.testsOnly)
				}
				if known && gone || !known && matchesEmbed(kind.patterns, name) {
					reload = Stale
				}
			}
		}
		if dir == filepath.Dir(dir) {
			return reload
		}
	}
}

// matchesEmbed reports whether a file, or a directory that holds it, matches a
// pattern of go:embed.
func matchesEmbed(patterns []string, name string) bool {
	for _, pattern := range patterns {
		pattern, all := strings.CutPrefix(pattern, "all:")
		for prefix := name; prefix != "."; prefix = path.Dir(prefix) {
			if ok, err := path.Match(pattern, prefix); err != nil || !ok {
				continue
			}
			// Below a directory that is embedded, names with . or _ in front
			// are left out.
			below := strings.TrimPrefix(name, prefix)
			if all || !strings.Contains(below, "/.") && !strings.Contains(below, "/_") {
				return true
			}
		}
	}
	return false
}

// nearest returns the packages of a directory, or of the first above it that
// has some.
func (g *Graph) nearest(dir string) []*Package {
	for {
		if all := g.byDir[dir]; len(all) > 0 || dir == filepath.Dir(dir) {
			return all
		}
		dir = filepath.Dir(dir)
	}
}

// Matters reports whether a change of a path may call for tests.
func (g *Graph) Matters(path string) bool {
	base := filepath.Base(path)
	if _, ok := cutTestdata(path); ok || IsSource(base) || IsModuleFile(base) || len(g.byDir[path]) > 0 {
		return true
	}
	in := changed{}
	g.embedded(path, false, in)
	return len(in) > 0 || g.removed(path, in)
}
