package flags

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"pgtest/cmd/pgtest/internal/config"
	"pgtest/cmd/pgtest/internal/nearest"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
)

// modules are those that a file can speak of: of its directory, of the working
// directory, and of the workspace.
type modules struct {
	dir string // the file's
	all []module
	// inside says that the file is in a module. Otherwise there may be others
	// below it.
	inside bool
	// absent says that the packages need not be there.
	absent bool
}

type module struct{ root, path string }

func modulesAround(dir string) (modules, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return modules{}, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return modules{}, err
	}
	m := modules{dir: dir}
	m.inside = m.add(dir)
	m.add(wd)
	for _, dir := range workspace(wd) {
		m.add(dir)
	}
	return m, nil
}

// add adds the module around a directory, if there is one.
func (m *modules) add(dir string) bool {
	root, path := sources.ModuleOf(dir)
	if root == "" {
		return false
	}
	if found := (module{root, path}); !slices.Contains(m.all, found) {
		m.all = append(m.all, found)
	}
	return true
}

// workspace returns the directories that the go.work above a directory uses.
func workspace(dir string) []string {
	file := gotest.Env("GOWORK")
	for ; file == ""; dir = filepath.Dir(dir) {
		if candidate := filepath.Join(dir, "go.work"); isFile(candidate) {
			file = candidate
		} else if dir == filepath.Dir(dir) {
			return nil
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, use := range usesOfWork().FindAllSubmatch(text, -1) {
		for line := range strings.Lines(string(use[1]) + string(use[2])) {
			line, _, _ = strings.Cut(line, "//")
			if used := strings.Trim(strings.TrimSpace(line), "\"`"); used != "" {
				if !filepath.IsAbs(used) {
					used = filepath.Join(filepath.Dir(file), used)
				}
				dirs = append(dirs, used)
			}
		}
	}
	return dirs
}

var usesOfWork = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\s*use\s*(?:\(([^)]*)\)|([^\s(].*)$)`) })

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// importPath returns the import path of one package that is named by its path or by
// its directory.
func (m modules) importPath(pkg string) (string, error) {
	switch {
	case strings.Contains(pkg, "..."):
		return "", fmt.Errorf("%s: is a pattern, and no package", pkg)
	case !isRelative(pkg) && !filepath.IsAbs(pkg):
		return pkg, m.checkImport(pkg)
	}
	dir := m.absolute(pkg)
	if err := m.checkDir(pkg, dir); err != nil {
		return "", err
	}
	inner := modules{} // of the modules around it only the next
	if !inner.add(dir) {
		return "", fmt.Errorf("%s: is in no module", pkg)
	}
	return inner.importPaths(dir)[0], nil
}

// absolute is a directory, or a pattern of some, without what it is relative to.
func (m modules) absolute(dir string) string {
	if filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return filepath.Join(m.dir, dir)
}

// isRelative reports whether the go command takes a pattern for a directory.
func isRelative(pattern string) bool {
	return pattern == "." || pattern == ".." || strings.HasPrefix(pattern, "./") || strings.HasPrefix(pattern, "../")
}

// resolve returns the patterns of import paths that a pattern stands for. A
// pattern that no package can match is an error.
func (m modules) resolve(pattern string) ([]string, error) {
	if pattern == "" {
		return nil, fmt.Errorf("a pattern is missing")
	}
	if !isRelative(pattern) && !filepath.IsAbs(pattern) {
		return []string{pattern}, m.checkImport(pattern)
	}
	dir := m.absolute(pattern)
	m.add(before(dir))
	if err := m.checkDir(pattern, dir); err != nil {
		return nil, err
	}
	paths := m.importPaths(dir)
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s is in no module that is here; import paths can be named anywhere", pattern)
	}
	return paths, nil
}

// packages returns the patterns of import paths that the value of a key stands for.
func (m modules) packages(s config.Setting) ([]string, error) {
	switch {
	case s.Kind != config.String && s.Kind != config.Strings:
		return nil, s.ValueAt.Errorf("packages: must be a string or an array of strings")
	case len(s.Values) == 0:
		return nil, s.ValueAt.Errorf("packages: there are none")
	}
	var all []string
	for i, pattern := range s.Values {
		patterns, err := m.resolve(pattern)
		if err != nil {
			return nil, append(s.Places, s.ValueAt)[i].Errorf("packages: %w", err)
		}
		all = append(all, patterns...)
	}
	return all, nil
}

// before is the part of a pattern in front of "...", up to a slash.
func before(pattern string) string {
	front, _, wild := strings.Cut(pattern, "...")
	if wild {
		front = front[:strings.LastIndexByte(front, '/')+1]
	}
	if front == "/" || front == "" {
		return front
	}
	return strings.TrimSuffix(front, "/")
}

// importPaths returns the patterns of import paths for a pattern of directories:
// below the root of a module the rest of it, and for a root below the directories
// the whole module.
func (m modules) importPaths(dir string) []string {
	var patterns []string
	for _, known := range m.all {
		switch rest, ok := strings.CutPrefix(dir+"/", strings.TrimSuffix(known.root, "/")+"/"); {
		case ok && known.path == "std":
			patterns = append(patterns, strings.TrimSuffix(rest, "/"))
		case ok:
			patterns = append(patterns, path.Join(known.path, rest))
		case gotest.MatchesPackage(dir, known.root) && strings.HasSuffix(dir, "/..."):
			patterns = append(patterns, known.path+"/...")
		}
	}
	return patterns
}

// checkImport returns an error for a pattern of import paths that no package of
// the modules can match, if they are all that there are.
func (m modules) checkImport(pattern string) error {
	if !m.inside || m.absent {
		return nil
	}
	fixed := before(pattern)
	var paths []string
	var err error
	for _, known := range m.all {
		rest, below := strings.CutPrefix(pattern+"/", known.path+"/")
		switch {
		case known.path == "std", fixed != pattern && (fixed == "" || strings.HasPrefix(known.path+"/", fixed+"/")):
			return nil
		case below:
			if err = m.checkDir(pattern, filepath.Join(known.root, rest)); err == nil {
				return nil
			}
		}
		paths = append(paths, known.path)
	}
	if err != nil {
		return err
	}
	err = fmt.Errorf("%s matches no package of %s", pattern, strings.Join(paths, ", "))
	for i := range paths {
		if strings.HasSuffix(pattern, "/...") {
			paths[i] += "/..."
		}
	}
	if near := nearest.Of(pattern, paths); near != "" {
		return fmt.Errorf("%w; did you mean %q?", err, near)
	}
	return err
}

// checkDir returns an error for a pattern of directories if none of them has a Go
// file.
func (m modules) checkDir(pattern, dir string) error {
	if m.absent {
		return nil
	}
	start := before(dir)
	if _, err := os.Stat(start); err != nil {
		text := fmt.Sprintf("%s matches no package: there is no directory %s", pattern, shownDir(m.dir, start))
		var names []string
		entries, _ := os.ReadDir(filepath.Dir(start))
		for _, e := range entries {
			if e.IsDir() {
				names = append(names, e.Name())
			}
		}
		if near := nearest.Of(filepath.Base(start), names); near != "" {
			text += fmt.Sprintf("; did you mean %s?", shownDir(m.dir, filepath.Join(filepath.Dir(start), near)))
		}
		return fmt.Errorf("%s", text)
	}
	expr := gotest.PackagePattern(dir)
	found := fmt.Errorf("%s matches no package", pattern)
	// Of a link the go command looks at what it names.
	filepath.WalkDir(start+string(filepath.Separator), func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case e.IsDir() && filepath.Clean(path) != start && (dir == start || e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_")):
			return fs.SkipDir
		case !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && expr.MatchString(filepath.Dir(path)):
			found = nil
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// shownDir is a directory as a pattern names it.
func shownDir(from, dir string) string {
	if relative, err := filepath.Rel(from, dir); err == nil && filepath.IsLocal(relative) {
		return "./" + relative
	}
	return dir
}
