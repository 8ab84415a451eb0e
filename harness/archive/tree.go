package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// vcsDirs are directories of version control.
var vcsDirs = []string{".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", "CVS"}

// A Tree is a directory, with the packages in it, of which an archive gets a part.
type Tree struct {
	// Dir is where it is, and Name what it is in the archive.
	Dir, Name string
	// Packages are the directories of packages in it whose tests are archived.
	Packages []string
	// Modules are directories of modules in it whose other files come along: all
	// that belong to no package. Without one only those of packages do.
	Modules []string
}

// In returns the name in the archive of a path, "" if it is not in the tree.
func (t *Tree) In(path string) string {
	rel, err := filepath.Rel(t.Dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return pathJoin(t.Name, rel)
}

func pathJoin(name, rel string) string { return path.Join(name, filepath.ToSlash(rel)) }

// RepositoryOf returns the root of the git repository that a directory is in, "" if
// it is in none.
func RepositoryOf(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// AddTree adds the files that packages of a tree need: those in their directories
// and below, up to the next package, and what belongs to no package of the modules.
// In a git repository it is what git tracks or does not ignore; elsewhere
// everything but directories of version control. A package that is not archived
// keeps its files. It returns a line for each thing that is left out though it
// looks needed, and skips the files of except. It ends with an error soon after ctx
// is done.
func (w *Writer) AddTree(ctx context.Context, t *Tree, except ...string) (notes []string, err error) {
	roots := t.Modules
	if len(roots) == 0 {
		roots = t.Packages
	}
	o := owners{tree: t, known: make(map[string]string)}
	for _, dir := range t.Modules { // by which tests find where they are
		for _, name := range []string{"go.mod", "go.sum"} {
			if _, err := w.addOf(t, filepath.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	list := walk
	if len(t.Modules) > 0 && RepositoryOf(t.Dir) != "" {
		list = gitFiles
	}
	for _, root := range roots {
		files, err := list(ctx, root)
		if err != nil {
			return nil, err
		}
		files = slices.DeleteFunc(files, func(file string) bool { return !o.wants(file) || slices.Contains(except, file) })
		more, err := w.addAll(t, files)
		if err != nil {
			return nil, err
		}
		notes = append(notes, more...)
	}
	return notes, nil
}

// addAll adds files of a tree, and returns a line for each that is left out.
func (w *Writer) addAll(t *Tree, files []string) (notes []string, err error) {
	for _, file := range files {
		note, err := w.addOf(t, file)
		if err != nil {
			return nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// addOf adds a file of a tree. A link that leads out of the tree becomes the file
// that it leads to.
func (w *Writer) addOf(t *Tree, file string) (note string, err error) {
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // git still knows it
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, bare(err))
	}
	name := t.In(file)
	switch {
	case info.Mode().IsRegular():
		return "", w.Add(name, file)
	case info.Mode().Type() != fs.ModeSymlink:
		return fmt.Sprintf("%s: left out: it is neither a file nor a link", file), nil
	}
	target, err := os.Readlink(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, bare(err))
	}
	end, err := filepath.EvalSymlinks(file)
	rel, _ := filepath.Rel(t.Dir, file)
	inside := !Outside(filepath.ToSlash(rel), filepath.ToSlash(target))
	if err == nil {
		root, rootErr := filepath.EvalSymlinks(t.Dir)
		below, relErr := filepath.Rel(root, end)
		inside = inside && rootErr == nil && relErr == nil && filepath.IsLocal(below)
	}
	if inside {
		return "", w.Add(name, file)
	}
	if info, statErr := os.Stat(file); statErr == nil && info.Mode().IsRegular() {
		return "", w.Add(name, end)
	}
	return fmt.Sprintf("%s: left out: the link leads out of %s", file, t.Dir), nil
}

// Matching returns the files and directories that a pattern of paths from a
// directory names, with ** for any directories. There is at least one.
func Matching(dir, pattern string) (paths []string, err error) {
	full := pattern
	if !filepath.IsAbs(full) {
		full = filepath.Join(literal(dir), pattern)
	}
	paths, err = doublestar.FilepathGlob(full)
	if err == nil && len(paths) == 0 {
		err = errors.New("there is no such file")
	}
	return paths, err
}

// AddMatching adds the files of a tree that Matching finds; of a directory all
// files in it.
func (w *Writer) AddMatching(ctx context.Context, t *Tree, dir, pattern string) (notes []string, err error) {
	paths, err := Matching(dir, pattern)
	if err != nil {
		return nil, err
	}
	for _, found := range paths {
		files := []string{found}
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			if files, err = walk(ctx, found); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			if t.In(file) == "" {
				return nil, fmt.Errorf("%s is not in %s", file, t.Dir)
			}
		}
		more, err := w.addAll(t, files)
		if err != nil {
			return nil, err
		}
		notes = append(notes, more...)
	}
	return notes, nil
}

// literal returns a path as a pattern that matches it alone.
func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "*", `\*`, "?", `\?`, "{", `\{`).Replace(path)
}

// owners knows to which package a file belongs: that of the nearest directory above
// it that has Go files and is not below a testdata.
type owners struct {
	tree  *Tree
	known map[string]string // by directory; "" for no package
}

func (o owners) wants(file string) bool {
	owner := o.of(filepath.Dir(file))
	return owner == "" && len(o.tree.Modules) > 0 || slices.Contains(o.tree.Packages, owner)
}

func (o owners) of(dir string) string {
	if owner, known := o.known[dir]; known {
		return owner
	}
	owner := ""
	switch {
	case slices.Contains(o.tree.Packages, dir), !inTestdata(o.tree.Dir, dir) && isPackage(dir):
		owner = dir
	case o.tree.In(dir) != "" && dir != o.tree.Dir:
		owner = o.of(filepath.Dir(dir))
	}
	o.known[dir] = owner
	return owner
}

// inTestdata reports whether a directory is one that the go command ignores, or
// below one.
func inTestdata(root, dir string) bool {
	rel, _ := filepath.Rel(root, dir)
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(rel), "/"), func(name string) bool {
		return name == "testdata" || len(name) > 1 && name[0] == '.' || strings.HasPrefix(name, "_")
	})
}

// isPackage reports whether the Go files of a directory make a package here.
func isPackage(dir string) bool {
	_, err := build.ImportDir(dir, 0)
	var none *build.NoGoError
	return !errors.As(err, &none)
}

// walk returns all files below a directory.
func walk(ctx context.Context, dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case slices.Contains(vcsDirs, e.Name()) && path != dir:
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir():
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, pathError(err)
	}
	return files, nil
}

func pathError(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return fmt.Errorf("%s: %w", pathErr.Path, pathErr.Err)
	}
	return err
}

// gitFiles returns the files below a directory that git tracks or does not ignore.
// Of another repository in it, as of a submodule, they are that repository's.
func gitFiles(ctx context.Context, dir string) (files []string, err error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return walk(ctx, dir)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("%s: git ls-files: %s", dir, cmp.Or(line, err.Error()))
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		path := filepath.Join(dir, name)
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			inner := gitFiles
			if RepositoryOf(path) != path {
				inner = walk // a submodule that is not checked out
			}
			below, err := inner(ctx, path)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
			continue
		}
		files = append(files, path)
	}
	return files, nil
}
