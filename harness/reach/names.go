package reach

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

// IsSource reports whether the go command may build a file of this name. It
// ignores names that begin with . or _.
func IsSource(base string) bool {
	return slices.Contains(sources, filepath.Ext(base)) && base[0] != '.' && base[0] != '_'
}

// IsModuleFile reports whether a name is that of a file about modules.
func IsModuleFile(base string) bool {
	return slices.Contains([]string{"go.mod", "go.sum", "go.work", "go.work.sum"}, base)
}

// documents are names of files that are for readers, or for tools other than those that
// build and test.
var documents = []string{
	"AUTHORS", "CHANGELOG", "CODEOWNERS", "CONTRIBUTING", "CONTRIBUTORS", "COPYING", "LICENCE", "LICENSE", "NOTICE", "PATENTS", "README",
	".editorconfig", ".gitattributes", ".gitignore", ".mailmap",
}

// isDocument reports whether a file of this name decides nothing about how tests run.
func isDocument(base string) bool {
	return filepath.Ext(base) == ".md" || slices.Contains(documents, strings.TrimSuffix(base, ".txt"))
}

// cutTestdata returns the directory that holds the outermost directory testdata
// of a path, and false if there is none.
func cutTestdata(path string) (owner string, ok bool) {
	const sep = string(filepath.Separator)
	owner, _, ok = strings.Cut(path+sep, sep+"testdata"+sep)
	return owner, ok
}
