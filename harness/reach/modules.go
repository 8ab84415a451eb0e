package reach

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// differs reports whether the packages of a module are others than before. version
// is what go.sum calls the module's version.
type differs = func(module, version string) bool

// requirements compares two go.mod files. It returns why nobody can tell the
// modules that differ, or "".
func requirements(old, now []byte) (differs, string) {
	was, err := modfile.Parse("go.mod", old, nil)
	is, err2 := modfile.Parse("go.mod", now, nil)
	switch {
	case old == nil || now == nil:
		return nil, "there is a module or was one"
	case err != nil || err2 != nil:
		return nil, "it can't be read"
	case settings(was) != settings(is):
		return nil, "it says how all packages are built"
	}
	before, after := versions(was), versions(is)
	// A module that the file does not name, or by another version, is of the version
	// that others ask for.
	unnamed := !maps.Equal(before, after) || !slices.EqualFunc(was.Exclude, is.Exclude, func(x, y *modfile.Exclude) bool { return x.Mod == y.Mod })
	return func(path, version string) bool {
		y := after[path]
		named := version == path+" "+y || strings.Contains(y, replacedBy)
		return before[path] != y || !named && unnamed
	}, ""
}

// settings are those that all packages of a module depend on.
func settings(f *modfile.File) string {
	var all []string
	if f.Module != nil {
		all = append(all, "module "+f.Module.Mod.Path)
	}
	if f.Go != nil {
		all = append(all, "go "+f.Go.Version)
	}
	if f.Toolchain != nil {
		all = append(all, "toolchain "+f.Toolchain.Name)
	}
	for _, g := range f.Godebug {
		all = append(all, "godebug "+g.Key+"="+g.Value)
	}
	for _, i := range f.Ignore {
		all = append(all, "ignore "+i.Path)
	}
	return strings.Join(all, "\n")
}

// replacedBy is between a version and what replaces it.
const replacedBy = " => "

// versions are those of the modules that a file requires or replaces, with what
// replaces them.
func versions(f *modfile.File) map[string]string {
	all := make(map[string]string)
	for _, r := range f.Require {
		all[r.Mod.Path] = r.Mod.Version
	}
	replaced := make(map[module.Version]module.Version)
	for _, r := range f.Replace {
		replaced[r.Old] = r.New
		if _, required := all[r.Old.Path]; !required {
			all[r.Old.Path] = ""
		}
	}
	for path, version := range all {
		for _, mod := range []module.Version{{Path: path, Version: version}, {Path: path}} {
			if by, ok := replaced[mod]; ok {
				all[path] += replacedBy + by.String()
				break
			}
		}
	}
	return all
}

// workDiffers reports whether two go.work files say something else.
func workDiffers(old, now []byte) bool {
	was, err := modfile.ParseWork("go.work", old, nil)
	is, err2 := modfile.ParseWork("go.work", now, nil)
	if old == nil || now == nil || err != nil || err2 != nil {
		return true
	}
	return statements(was.Syntax) != statements(is.Syntax)
}

// statements are those of a file, without comments, one a line.
func statements(f *modfile.FileSyntax) string {
	var all []string
	for _, statement := range f.Stmt {
		switch x := statement.(type) {
		case *modfile.Line:
			all = append(all, strings.Join(x.Token, " "))
		case *modfile.LineBlock:
			for _, line := range x.Line {
				all = append(all, strings.Join(append(slices.Clone(x.Token), line.Token...), " "))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// sums compares two go.sum files: a module differs if the line for its version
// does.
func sums(old, now []byte) differs {
	was, is := lines(old), lines(now)
	changed := make(map[string]bool)
	for _, pair := range [][2]map[string]bool{{was, is}, {is, was}} {
		for line := range pair[0] {
			if words := strings.Fields(line); !pair[1][line] && len(words) == 3 {
				changed[words[0]+" "+strings.TrimSuffix(words[1], "/go.mod")] = true
			}
		}
	}
	return func(_, version string) bool { return changed[version] }
}

func lines(text []byte) map[string]bool {
	all := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		all[strings.TrimSpace(line)] = true
	}
	return all
}

// vendored compares two vendor/modules.txt files.
func vendored(old, now []byte) (differs, string) {
	was, is := blocks(old), blocks(now)
	if was[""] != is[""] {
		return nil, "it says how all packages are vendored"
	}
	return func(module, _ string) bool { return was[module] != is[module] }, ""
}

// blocks are the lines of each module, and by "" those that are of none.
func blocks(text []byte) map[string]string {
	all := make(map[string]string)
	module := ""
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "#" {
			module = words[1]
		}
		all[module] += line
	}
	return all
}
