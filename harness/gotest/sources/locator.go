package sources

import (
	"bytes"
	"go/build"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Run says whose tests a Locator finds.
type Run struct {
	// Dir is the directory in which go runs, after its -C. Empty is the
	// process's own.
	Dir string
	// Flags are the flags of go test that decide which files packages have.
	Flags []string
	// Foreign says that the tests were built in ways that are not known here, as
	// those of another command or machine.
	Foreign bool
	// Since is when the build may have begun. In files that changed later nothing
	// is found. The zero time stands for no such limit.
	Since time.Time
}

// A Place is a line of a source file.
type Place struct {
	// File is the path from the root of the repository, with slashes. The root is
	// the directory with .git above the module, else that of the workspace, else
	// the module's.
	File string
	Line int
}

// A Locator finds where tests stand in source files. It answers with the right
// place or with none: what it can't tell for sure, and what lies outside the
// repository, has no place. It runs the go command once and parses a package
// once, when they are first needed. Its methods may be called from any goroutine.
type Locator struct {
	run Run

	mu       sync.Mutex
	began    bool
	build    *build.Context // how the tests are built; nil if that is unknown
	modules  []module       // the main ones, those with the longest paths first
	outside  []string       // directories in the repository with sources of others, without symbolic links
	root     string         // "" if there is none
	dirs     map[string]string
	packages map[parsed]*files
	sources  map[string]source // by path
}

// A source is a file in which there are places. Its zero value has none.
type source struct {
	rel   string // its path from the root
	lines int
}

// NewLocator returns a Locator for the tests of a run.
func NewLocator(r Run) *Locator {
	return &Locator{
		run: r, dirs: make(map[string]string), packages: make(map[parsed]*files), sources: make(map[string]source),
	}
}

// Root is the directory that paths of places are from, "" if it is unknown.
func (l *Locator) Root() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	return l.root
}

// Test finds the function of a test, example, benchmark or fuzz test, or that in
// which a subtest starts.
func (l *Locator) Test(pkg, test string) (Place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir := l.dirOf(pkg)
	if dir == "" {
		return Place{}, false
	}
	name, _, _ := strings.Cut(test, "/")
	found := l.testFiles(dir).tests[name]
	if i := strings.LastIndexByte(name, '-'); len(found) == 0 && i > 0 && strings.HasPrefix(name, "Benchmark") {
		found = l.testFiles(dir).tests[name[:i]] // behind it stands GOMAXPROCS
	}
	found = slices.DeleteFunc(slices.Clone(found), func(d decl) bool { return !d.file.built })
	if len(found) != 1 {
		return Place{}, false
	}
	d := found[0]
	place, ok := l.place(d.file.path, d.line)
	if claimed, there := l.place(d.claimed.Filename, d.claimed.Line); ok && there {
		return claimed, true
	}
	return place, ok
}

// Line finds what file:line means in the output of a test of a package, or of
// its build: package testing prints the names of files alone, panics whole paths
// or with -trimpath those of packages, the compiler paths from go's directory.
func (l *Locator) Line(pkg, file string, line int) (Place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dir := l.dirOf(pkg)
	file = filepath.FromSlash(file)
	switch {
	case filepath.IsAbs(file):
		return l.place(file, line)
	case strings.ContainsRune(file, filepath.Separator):
		return l.onlyOne(line, l.named(dir, file)...)
	case dir == "":
		return Place{}, false
	}
	return l.onlyOne(line, l.baseNamed(dir, file, line)...)
}

// Path returns the path of a file from the root of the repository, with slashes.
func (l *Locator) Path(file string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	rel, ok := l.inRepository(file)
	return filepath.ToSlash(rel), ok
}

// named returns the files that a relative path may mean.
func (l *Locator) named(dir, file string) []string {
	var paths []string
	if from, err := filepath.Abs(l.run.Dir); err == nil {
		paths = append(paths, filepath.Join(from, file))
	}
	if dir != "" {
		paths = append(paths, filepath.Join(dir, file))
	}
	pkg := filepath.ToSlash(filepath.Dir(file))
	for _, pkg := range []string{pkg, strings.TrimSuffix(pkg, "_test")} {
		if dir := l.dirOf(pkg); dir != "" {
			paths = append(paths, filepath.Join(dir, filepath.Base(file)))
		}
	}
	return paths
}

// onlyOne returns the place of a line, if it exists in just one of several files.
func (l *Locator) onlyOne(line int, paths ...string) (Place, bool) {
	slices.Sort(paths)
	var found []Place
	for _, path := range slices.Compact(paths) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			place, ok := l.place(path, line)
			if !ok {
				return Place{}, false // it may be this one that is meant
			}
			found = append(found, place)
		}
	}
	if len(found) != 1 {
		return Place{}, false
	}
	return found[0], true
}

// baseNamed returns the files that a name means to a test of a package: one of
// its test files, or what //line directives in the package's files name. Package
// testing says where a helper of another package stands by its name alone, too, so
// the package's other files don't count: the helper's may have the same name.
func (l *Locator) baseNamed(dir, name string, line int) []string {
	own, all := l.testFiles(dir), slices.Values(l.allFiles(dir))
	var paths []string
	for f := range all {
		for _, claimed := range f.claims {
			if filepath.Base(claimed) == name {
				paths = append(paths, claimed)
			}
		}
		if filepath.Base(f.path) != name || !f.built {
			continue
		}
		if !f.inFunction(line) || !slices.Contains(own.files, f) {
			return nil
		}
		paths = append(paths, f.path)
	}
	return paths
}

// place returns the place of a line of a file, if it is the repository's, has
// the line and did not change.
func (l *Locator) place(file string, line int) (Place, bool) {
	l.begin()
	s, known := l.sources[file]
	if !known {
		s = l.source(file)
		l.sources[file] = s
	}
	return Place{s.rel, line}, 1 <= line && line <= s.lines
}

func (l *Locator) source(file string) source {
	rel, ok := l.inRepository(file)
	lines := lines(file)
	if !ok || l.changed(file) { // looked at after it was read
		return source{}
	}
	return source{filepath.ToSlash(rel), lines}
}

// lines counts the lines of a plain file.
func lines(file string) (n int) {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return 0
	}
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	last := byte('\n')
	for buf := make([]byte, 64<<10); ; {
		read, err := f.Read(buf)
		n += bytes.Count(buf[:read], []byte{'\n'})
		if read > 0 {
			last = buf[read-1]
		}
		if err != nil {
			break
		}
	}
	if last != '\n' {
		n++
	}
	return n
}

// inRepository returns the path of a file from the repository's root.
func (l *Locator) inRepository(file string) (string, bool) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil || l.root == "" {
		return "", false
	}
	for _, dir := range l.outside {
		if _, foreign := within(dir, real); foreign {
			return "", false
		}
	}
	if rel, ok := within(l.root, file); ok {
		return rel, true
	}
	root, err := filepath.EvalSymlinks(l.root)
	if err != nil {
		return "", false
	}
	return within(root, real)
}

// within returns the path of a file from a directory that holds it.
func within(dir, file string) (string, bool) {
	rel, err := filepath.Rel(dir, file)
	return rel, err == nil && filepath.IsLocal(rel)
}

// changed reports whether a file is gone or changed after the build began.
func (l *Locator) changed(file string) bool {
	info, err := os.Stat(file)
	return err != nil || !l.run.Since.IsZero() && info.ModTime().After(l.run.Since)
}

// mayBeBuilt reports whether a file can be in its package, by its name and its
// build constraints.
func (l *Locator) mayBeBuilt(file string) bool {
	if l.run.Foreign || l.build == nil {
		return true
	}
	ok, err := l.build.MatchFile(filepath.Dir(file), filepath.Base(file))
	return ok && err == nil
}

// dirOf returns the directory of a package, "" if it is unknown. The name may be
// that of a build: "a_test [a.test]", "a.test".
func (l *Locator) dirOf(pkg string) string {
	l.begin()
	if _, built, ok := strings.Cut(pkg, " ["); ok {
		pkg = strings.TrimSuffix(built, "]")
	}
	dir, known := l.dirs[pkg]
	if !known {
		if dir = l.find(pkg); dir == "" {
			dir = l.find(strings.TrimSuffix(pkg, ".test"))
		}
		l.dirs[pkg] = dir
	}
	return dir
}

// find looks for a package where go does: in the standard library, and in the
// main module with the longest path that it can be in.
func (l *Locator) find(pkg string) string {
	if !validPath(pkg) {
		return ""
	}
	std := ""
	if l.build != nil && l.build.GOROOT != "" {
		if dir := filepath.Join(l.build.GOROOT, "src", filepath.FromSlash(pkg)); hasGo(dir) {
			std = dir
		}
	}
	for _, m := range l.modules {
		rest, ok := strings.CutPrefix(pkg, m.path)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		dir := filepath.Join(m.dir, filepath.FromSlash(rest))
		switch {
		case !hasGo(dir) || m.hasOther(rest):
			continue
		case std != "" && std != dir:
			return "" // it may be either
		}
		return dir
	}
	return std
}

// validPath reports whether an import path names a directory of a module.
func validPath(pkg string) bool {
	return pkg != "" && path.Clean(pkg) == pkg && !strings.HasPrefix(pkg, "/") && filepath.IsLocal(filepath.FromSlash(pkg))
}

// hasGo reports whether a directory has Go files.
func hasGo(dir string) bool {
	entries, _ := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return isGo(e.Name()) })
}

func isGo(name string) bool {
	return strings.HasSuffix(name, ".go") && name[0] != '.' && name[0] != '_'
}
