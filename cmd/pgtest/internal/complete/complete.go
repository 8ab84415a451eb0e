// Package complete finds the packages and the tests that a word of a command line
// can become, by looking at directories and Go files. It asks no go command, and
// looks at so much and no more.
package complete

import (
	"bytes"
	"go/build"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/harness/gotest/sources"
)

// The most directories and test files that are looked at.
const (
	maxDirectories = 5000
	maxFiles       = 2000
)

// Packages returns the packages with tests that a word can become, as directories
// that begin with a dot or a slash, or as import paths of the module of the
// working directory: level by level, with a slash behind those that have more
// below, and the pattern for all of a level.
func Packages(word string) []string {
	prefix := word[:strings.LastIndexByte(word, '/')+1]
	dir := prefix
	switch {
	case word == "" || word == ".":
		prefix, dir = "./", "."
	case word == "..":
		prefix, dir = "../", ".."
	case strings.HasPrefix(word, "./"), strings.HasPrefix(word, "../"), strings.HasPrefix(word, "/"):
	default:
		root, module := sources.ModuleOf(".")
		rest, inside := strings.CutPrefix(word, module+"/")
		switch {
		case module == "":
			return nil
		case inside:
			dir = filepath.Join(root, rest[:strings.LastIndexByte(rest, '/')+1])
		default:
			prefix, dir = module+"/", root
		}
	}
	return startingWith(word, level(prefix, dir))
}

// level returns the packages in a directory, whose name on the command line is
// prefix.
func level(prefix, dir string) []string {
	var here []string
	budget := maxDirectories
	below := false
	for _, name := range subdirectories(dir) {
		sub := filepath.Join(dir, name)
		if hasTests(sub) {
			here, below = append(here, prefix+name), true
		}
		if slices.ContainsFunc(subdirectories(sub), func(name string) bool { return hasTestsBelow(filepath.Join(sub, name), &budget) }) {
			here, below = append(here, prefix+name+"/"), true
		}
	}
	if below || hasTests(dir) {
		here = append([]string{prefix + "..."}, here...)
	}
	return here
}

// hasTestsBelow reports whether there are tests in a directory or below it. If
// the budget is spent it says so without a look.
func hasTestsBelow(dir string, budget *int) bool {
	*budget--
	return *budget < 0 || hasTests(dir) || slices.ContainsFunc(subdirectories(dir), func(name string) bool {
		return hasTestsBelow(filepath.Join(dir, name), budget)
	})
}

func hasTests(dir string) bool { return len(testFiles(dir)) > 0 }

func testFiles(dir string) []string {
	var files []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, "_test.go") && name[0] != '_' && name[0] != '.' {
			files = append(files, name)
		}
	}
	return files
}

// subdirectories returns the directories that a pattern of the go command goes
// into.
func subdirectories(dir string) []string {
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || name[0] == '.' || name[0] == '_' || name == "testdata" || name == "vendor" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, name, "go.mod")); err != nil {
			names = append(names, name)
		}
	}
	return names
}

// Tests returns the names of tests, of some kinds, that the last alternative of a
// pattern can become, in the packages that a command line names, or else in the
// one here, or if that has no tests below it. A pattern that begins with ^ becomes
// one that matches the test alone.
func Tests(word string, packages, tags []string, kinds ...sources.Kind) []string {
	at := strings.LastIndexByte(word, '|') + 1
	before, last := word[:at], word[at:]
	name, anchored := strings.CutPrefix(last, "^")
	f := &finder{context: build.Default, name: name, kinds: kinds, seen: make(map[string]bool), files: maxFiles, directories: maxDirectories}
	f.context.BuildTags = tags
	switch {
	case len(packages) > 0:
		for _, pkg := range packages {
			f.add(pkg)
		}
	case hasTests("."):
		f.add(".")
	default:
		f.add("./...")
	}
	slices.Sort(f.names)
	names := slices.Compact(f.names)
	for i, n := range names {
		if anchored {
			n = "^" + n + "$"
		}
		names[i] = before + n
	}
	return names
}

// A finder collects names of tests.
type finder struct {
	context            build.Context
	name               string // how the names begin
	kinds              []sources.Kind
	seen               map[string]bool // directories
	files, directories int             // that may still be looked at
	names              []string
}

// add adds the tests of a package, or of those that a pattern of the go command
// stands for: one with ... at its end.
func (f *finder) add(pkg string) {
	pkg, all := strings.CutSuffix(pkg, "...")
	if !strings.HasPrefix(pkg, ".") && !filepath.IsAbs(pkg) {
		root, module := sources.ModuleOf(".")
		rest, inside := strings.CutPrefix(pkg+"/", module+"/")
		if module == "" || !inside {
			return
		}
		pkg = filepath.Join(root, rest)
	}
	f.addDirectory(filepath.Clean(pkg), all)
}

func (f *finder) addDirectory(dir string, all bool) {
	if f.directories--; f.seen[dir] || f.directories < 0 || f.files < 0 {
		return
	}
	f.seen[dir] = true
	var files []string
	for _, name := range testFiles(dir) {
		if f.files--; f.files >= 0 && f.mayHave(dir, name) {
			files = append(files, name)
		}
	}
	names, _ := sources.NamesOf(dir, files, f.kinds...)
	f.names = append(f.names, startingWith(f.name, names)...)
	if all {
		for _, name := range subdirectories(dir) {
			f.addDirectory(filepath.Join(dir, name), true)
		}
	}
}

// mayHave reports whether a file is built and may have such names. To parse it
// takes much longer.
func (f *finder) mayHave(dir, name string) bool {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || !bytes.Contains(text, []byte("func "+f.name)) {
		return false
	}
	built, err := f.context.MatchFile(dir, name)
	return err == nil && built
}

func startingWith(word string, words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, word) })
}
