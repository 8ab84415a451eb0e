package reach

import (
	"bytes"
	"fmt"
	"go/build"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A File is one that changed.
type File struct {
	// Path is absolute.
	Path string
	// Old and New are what it held and holds. They are nil if it is not there, and
	// not used of other files than source files and those about modules.
	Old, New []byte
	// Below says that it is a directory: nobody knows what changed in it.
	Below bool
}

// Changes are what is different in a repository.
type Changes struct {
	// Root is its directory.
	Root  string
	Files []File
	// Build says for what packages are built.
	Build build.Context
	// Read returns what another file holds, nil if that is unknown.
	Read func(path string) []byte
}

// Reached are the packages that changes reach.
type Reached struct {
	// Packages are those to run, by path.
	Packages []*Package
	// Everything says why these are all that there are, "" if they are not.
	Everything string
	// Outside are directories of modules outside of the repository: all of their
	// packages count as changed.
	Outside []string

	steps map[*Package]step
	files map[*Package]string
}

// Why returns how a change comes to a package: a file, its package, one that
// imports it, and so on.
func (r *Reached) Why(p *Package) []string {
	var chain []string
	for s, known := r.steps[p]; known; s, known = r.steps[p] {
		name := p.Path
		if s.tests {
			name = "tests of " + name
		}
		chain = append(chain, name)
		if s.from == nil {
			chain = append(chain, r.files[p])
			break
		}
		p = s.from
	}
	slices.Reverse(chain)
	return chain
}

// search is the work of Changed.
type search struct {
	*Graph
	Changes
	in      changed
	files   map[*Package]string // because of which they are in it
	readers []reader            // nil before they are known
	removed map[string]bool     // directories that may have been packages
	built   string              // a file that the go command may build, "" without one
}

// Changed returns the packages that changes reach, directly or through imports,
// also if they have no tests: they may not compile any more. What can't be told
// reaches all packages.
func (g *Graph) Changed(c Changes) *Reached {
	s := &search{Graph: g, Changes: c, in: make(changed), files: make(map[*Package]string), removed: make(map[string]bool)}
	for _, f := range c.Files {
		if filepath.Ext(f.Path) == ".go" && f.New == nil && condition(f.Old) == "" {
			s.removed[filepath.Dir(f.Path)] = true
		}
	}
	r := &Reached{files: s.files}
	for _, f := range c.Files {
		if why := s.file(f); why != "" {
			r.Everything = why
			break
		}
	}
	r.Outside = s.outside()
	s.goCommands()
	r.steps = g.spread(s.in)
	for _, p := range g.packages {
		if step, reached := r.steps[p]; p.Chosen && (reached && (p.Tests || !step.tests) || r.Everything != "") {
			r.Packages = append(r.Packages, p)
		}
	}
	slices.SortFunc(r.Packages, byPath)
	return r
}

// outside adds the packages that the user may edit outside of the repository,
// where nobody knows what changed, and returns the directories of their modules.
func (s *search) outside() (dirs []string) {
	for _, p := range s.packages {
		if _, in := within(p.Dir, s.Root); p.edited && !in {
			s.add(p, p.Module, false)
			dirs = append(dirs, p.Module)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// within returns the path from a directory to what is in it.
func within(path, dir string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// name is a path as the user knows it, quoted if a line can't have it.
func (s *search) name(path string) string {
	if rel, ok := within(path, s.Root); ok {
		path = filepath.ToSlash(rel)
	}
	if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return strconv.Quote(path)
	}
	return path
}

// add adds a package because of a file.
func (s *search) add(p *Package, file string, testsOnly bool) {
	if was, known := s.in[p]; !known || was && !testsOnly {
		s.files[p] = s.name(file)
	}
	s.in.add(p, testsOnly)
	if !testsOnly {
		s.builds(file)
	}
}

// builds notes a file that the go command may build.
func (s *search) builds(file string) {
	if s.built == "" || file < s.built {
		s.built = file
	}
}

// file adds the packages that a file is one of. It returns why the file reaches
// all packages, or "".
func (s *search) file(f File) (why string) {
	one := make(changed)
	s.embedded(f.Path, false, one)
	for p, testsOnly := range one {
		s.add(p, f.Path, testsOnly)
	}
	named := s.readBy(f)
	dir, base := filepath.Split(f.Path)
	dir = filepath.Clean(dir)
	_, vendored := s.vendored(dir)
	above, hidden := s.hidden(dir)
	switch {
	case f.Below:
		return s.below(f, above, named)
	case base == "pgtest.toml" && (!hidden || filepath.Base(dir) == ".config"):
		return s.name(f.Path) + " says how tests run"
	case vendored && base != "modules.txt" && !IsSource(base):
		return "" // nobody but its own tests reads it, which don't run
	case hidden && !vendored:
		return s.data(f, above, named)
	case IsModuleFile(base), vendored && base == "modules.txt":
		return s.module(f)
	case IsSource(base):
		s.source(f)
		return ""
	}
	return s.data(f, dir, named)
}

// hidden returns the directory above the outermost one on the way to dir in which
// the go command looks for no packages, or dir itself if there is none.
func (s *search) hidden(dir string) (above string, hidden bool) {
	root := s.moduleOf(dir)
	rel, in := within(dir, root)
	if !in || rel == "." {
		return dir, false
	}
	above = root
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		if name == "testdata" || name[0] == '.' || name[0] == '_' {
			return above, true
		}
		above = filepath.Join(above, name)
	}
	return dir, false
}

// moduleOf returns the directory of the module that a directory is in, or that of
// the repository.
func (s *search) moduleOf(dir string) string {
	root := s.Root
	for _, module := range s.Modules() {
		if _, in := within(dir, module); in && len(module) > len(root) {
			root = module
		}
	}
	return root
}

// vendored returns the import path of a directory in the vendor directory of a
// module or of a workspace.
func (s *search) vendored(dir string) (path string, ok bool) {
	for _, root := range append(s.Modules(), s.Root) {
		if rel, in := within(dir, filepath.Join(root, "vendor")); in {
			return filepath.ToSlash(rel), true
		}
	}
	return "", false
}

// below adds all packages of a directory, or what its files may be to others.
func (s *search) below(f File, above string, named bool) (why string) {
	found := false
	for _, p := range s.packages {
		if _, in := within(p.Dir, f.Path); in {
			s.add(p, f.Path, false)
			found = true
		}
	}
	if found {
		return ""
	}
	return s.data(f, above, named)
}

// data adds the packages whose tests may read a file: those of the first directory
// from dir up that has some. Without any they are those that name it and those that may
// find it, if some name it or it documents something. A file of a module that this run
// has no package of is none of theirs.
func (s *search) data(f File, dir string, named bool) (why string) {
	owners, known := s.owners(dir)
	for _, p := range owners {
		s.add(p, f.Path, true)
	}
	if module := s.moduleOf(dir); known || s.modules[module] != "" && !s.runs(module) {
		return ""
	}
	if named || isDocument(filepath.Base(f.Path)) {
		for p := range s.testedWith(finds) {
			s.add(p, f.Path, true)
		}
		return ""
	}
	return "any test may read " + s.name(f.Path)
}

// runs reports whether tests of the module in a directory may run.
func (s *search) runs(module string) bool {
	for _, p := range s.packages {
		if p.Chosen && p.Module == module {
			return true
		}
	}
	return false
}

// owners returns the packages of a directory, or of the first one above it that
// has some or had, and false if there are none though it is not another module's.
func (s *search) owners(dir string) (all []*Package, known bool) {
	for ; ; dir = filepath.Dir(dir) {
		all = s.byDir[dir]
		_, ours := s.modules[dir]
		foreign := !ours && s.Read(filepath.Join(dir, "go.mod")) != nil
		switch {
		case len(all) > 0 || foreign:
			return all, true
		case ours || dir == s.Root || dir == filepath.Dir(dir):
			return nil, false
		case s.removed[dir]:
			return nil, true
		}
	}
}

// source adds the packages that a source file is built into, or was.
func (s *search) source(f File) {
	dir, base := filepath.Split(f.Path)
	dir = filepath.Clean(dir)
	s.builds(f.Path)
	packages := s.byDir[dir]
	if filepath.Ext(base) != ".go" {
		s.includedBy(f, len(packages) == 0)
	}
	if len(packages) == 0 {
		packages = s.gone(dir)
	}
	if len(packages) == 0 {
		owners, _ := s.owners(dir)
		for _, p := range owners {
			if filepath.Ext(base) != ".go" || p.readsSources(s.Read) {
				s.add(p, f.Path, true)
			}
		}
	}
	testsOnly := strings.HasSuffix(base, "_test.go")
	for _, p := range packages {
		now, before := p.files[base], f.Old != nil && !s.excludes(p, f)
		same := false
		switch {
		case now && before:
			same = sameCode(base, f.Old, f.New)
		case now:
			same = p.withoutCode(base, f.New)
		case before:
			same = p.withoutCode(base, f.Old)
		default: // it is of another build
			same = f.New == nil || p.knows(base)
		}
		if !same {
			s.add(p, f.Path, testsOnly)
		} else if p.readsSources(s.Read) {
			s.add(p, f.Path, true)
		}
	}
}

// withoutCode reports whether a file that came or went has nothing for a package, as
// one that documents it.
func (p *Package) withoutCode(base string, text []byte) bool {
	others := slices.ContainsFunc(p.code(), func(other string) bool { return other != base })
	return others && filepath.Ext(base) == ".go" && !strings.HasSuffix(base, "_test.go") && codeless(text, p.name)
}

// knows reports whether go list has a name among a package's files.
func (p *Package) knows(base string) bool {
	_, known := p.files[base]
	return known
}

// gone returns the package that was in a directory of a module, if others import
// it.
func (s *search) gone(dir string) []*Package {
	for root, module := range s.modules {
		rel, in := within(dir, root)
		if !in {
			continue
		}
		path := path.Join(module, filepath.ToSlash(rel))
		if vendored, ok := s.vendored(dir); ok {
			path = vendored
		}
		if s.packages[path] == nil && len(s.usedBy[path])+len(s.testedBy[path]) > 0 {
			return []*Package{{Path: path, Dir: dir}}
		}
	}
	return nil
}

// includedBy adds the packages that name a file of C or assembly, or a file that
// does. Other files than those of packages may name one that is stray: that reaches
// all packages that may include some.
func (s *search) includedBy(f File, stray bool) {
	names := [][]byte{[]byte(filepath.Base(f.Path))}
	for i := 0; i < len(names); i++ {
		for _, p := range s.packages {
			if _, in := within(p.Dir, s.Root); !in || !p.native {
				continue
			}
			if stray {
				s.add(p, f.Path, false)
			}
			for base, built := range p.files {
				if !built || !bytes.Contains(s.Read(filepath.Join(p.Dir, base)), names[i]) {
					continue
				}
				s.add(p, f.Path, false)
				if filepath.Ext(base) != ".go" && !slices.ContainsFunc(names, func(n []byte) bool { return string(n) == base }) {
					names = append(names, []byte(base))
				}
			}
		}
	}
}

// goCommands adds the packages whose tests run the go command. It may build any
// package.
func (s *search) goCommands() {
	if s.built == "" {
		return
	}
	for p := range s.testedWith(runsGo) {
		if _, known := s.in[p]; !known {
			s.add(p, s.built, true)
			s.files[p] += " → go command"
		}
	}
}

// A source is a Go file of a package, which imports others.
type source struct {
	pkg     *Package
	base    string
	imports []string
}

// testedWith returns the packages whose tests, or what these import, have source of
// a kind.
func (s *search) testedWith(is func(f source, read func(string) []byte) bool) map[*Package]step {
	in := make(changed)
	for _, p := range s.packages {
		has := func(files, imports []string) bool {
			return slices.ContainsFunc(files, func(base string) bool { return is(source{p, base, imports}, s.Read) })
		}
		switch {
		case has(p.code(), p.imports):
			in.add(p, false)
		case p.Chosen && has(p.tests, p.testImports):
			in.add(p, true)
		}
	}
	return s.spread(in)
}

// A reader is a package whose tests name paths outside of its directory.
type reader struct {
	pkg   *Package
	paths []string
}

// readBy adds the packages whose tests name a file, or a directory that holds it. It
// reports whether there are any.
func (s *search) readBy(f File) (named bool) {
	if s.readers == nil {
		s.readers = []reader{}
		for _, p := range s.packages {
			if p.Chosen && len(p.tests) > 0 {
				s.readers = append(s.readers, reader{p, p.named(s.Read)})
			}
		}
	}
	for _, r := range s.readers {
		if slices.ContainsFunc(r.paths, func(path string) bool {
			_, in := within(f.Path, path)
			_, holds := within(path, f.Path)
			return in || f.Below && holds
		}) {
			s.add(r.pkg, f.Path, true)
			named = true
		}
	}
	return named
}

// module adds the packages that a file about modules is about.
func (s *search) module(f File) (why string) {
	dir, base := filepath.Split(f.Path)
	dir = filepath.Clean(dir)
	_, main := s.modules[dir]
	ofWork := slices.ContainsFunc(s.Modules(), func(root string) bool { _, in := within(root, dir); return in })
	_, inModule := s.modules[s.moduleOf(dir)]
	differ := func(module, version string) bool { return false }
	switch {
	case base == "go.mod" && main:
		differ, why = requirements(f.Old, f.New)
	case base == "go.mod" && inModule && (f.Old == nil || f.New == nil):
		why = "its directory is a module or was one"
	case base == "go.work" && ofWork && workDiffers(f.Old, f.New):
		why = "it says which modules there are"
	case base == "go.sum" && main, base == "go.work.sum" && ofWork:
		differ = sums(f.Old, f.New)
	case base == "modules.txt" && (f.Old == nil || f.New == nil):
		why = "packages are vendored or were"
	case base == "modules.txt":
		differ, why = vendored(f.Old, f.New)
	}
	if why != "" {
		return fmt.Sprintf("%s: %s", s.name(f.Path), why)
	}
	for _, p := range s.packages {
		if p.module != "" && !p.main && differ(p.module, p.version) {
			s.add(p, f.Path, false)
		}
	}
	if !main && !ofWork && base != "modules.txt" {
		return ""
	}
	for _, path := range s.missing {
		// Its module may be one that the file is no longer about.
		for _, p := range s.usedBy[path] {
			s.add(p, f.Path, false)
		}
		for _, p := range s.testedBy[path] {
			s.add(p, f.Path, true)
		}
	}
	return ""
}
