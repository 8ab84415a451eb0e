package watch

import (
	"path/filepath"
	"slices"
	"strings"
)

// sources are the extensions of the files that the go command builds.
var sources = []string{
	".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx",
	".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso",
}

// isSource reports whether the go command may build a file of this name. It
// ignores names that begin with . or _.
func isSource(base string) bool {
	return slices.Contains(sources, filepath.Ext(base)) && base[0] != '.' && base[0] != '_'
}

func isModuleFile(base string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "go.work", "go.work.sum"}, base)
}

// isTemporary reports whether a name is one of those that editors and git use
// for a moment while they save: vim's backup, swap file and 4913, emacs' backup,
// auto-save file and lock, and the files of JetBrains' safe write, GLib and sed.
func isTemporary(base string) bool {
	for _, prefix := range []string{".#", "#", ".goutputstream-"} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"~", ".swp", ".swo", ".swx", ".swpx", "___jb_tmp___", "___jb_old___"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}
	return base == "4913" || len(base) == len("sedXXXXXX") && strings.HasPrefix(base, "sed") && filepath.Ext(base) == ""
}

// Ignores reports whether nothing is watched in a directory of this name, nor
// below it. Those that begin with . or _ are no packages to the go command.
func Ignores(base string) bool { return isIgnoredDir(base, false) }

// isIgnoredDir is Ignores, also for a directory that has one named testdata above
// it. A vendor directory is somebody's fixture there.
func isIgnoredDir(base string, testdata bool) bool {
	return base == "" || base[0] == '.' || base[0] == '_' || base == "node_modules" || base == "vendor" && !testdata
}

// cutTestdata returns the directory that holds the outermost directory testdata
// of a path, and false if there is none.
func cutTestdata(path string) (owner string, ok bool) {
	const sep = string(filepath.Separator)
	owner, _, ok = strings.Cut(path+sep, sep+"testdata"+sep)
	return owner, ok
}
