package changes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A File is one that is different.
type File struct {
	// Path is absolute, without symbolic links on the way to it.
	Path string
	// Old is what it held, if that was asked for; nil if it was not there.
	Old []byte
	// Below says that it is a directory, of another repository: nobody knows what
	// changed in it.
	Below bool

	id string // of Old
}

// A Tree is a work tree of git with what is different in it.
type Tree struct {
	// Root is its directory, without symbolic links.
	Root string
	// Ref is the reference, and Base the commit from which on changes count.
	Ref, Base string
	// Changed has each file that was committed, staged, edited, removed or made
	// since, and is not ignored, once. One that was renamed counts at both names.
	Changed []File

	known map[string]bool // files that are tracked, or neither that nor ignored
	repos []string        // directories of other repositories
	links map[string]string
}

// Files returns what is different between a directory's work tree and the last
// commit that ref has in common with HEAD; "" stands for the branch that others
// branch off. needs reports of which files the old contents are to be read.
func Files(dir, ref string, needs func(path string) bool) (*Tree, error) {
	g := git{dir}
	root, err := g.root()
	if err != nil {
		return nil, err
	}
	if ref == "" {
		if ref, err = g.trunk(); err != nil {
			return nil, err
		}
	}
	base, err := g.mergeBase(ref)
	if err != nil {
		return nil, err
	}
	t := &Tree{Root: root, Ref: ref, Base: base, known: make(map[string]bool), links: make(map[string]string)}
	if err := t.add(git{root}, base, needs); err != nil {
		return nil, err
	}
	t.followLinks()
	return t, nil
}

// trunk returns the name of the branch that others branch off: the default one of
// the remote, else the one that HEAD follows, else main or master.
func (g git) trunk() (string, error) {
	for _, name := range []string{
		"origin/HEAD", "@{upstream}", "origin/main", "origin/master", "main", "master",
	} {
		_, err := g.line("rev-parse", "--verify", "--quiet", name+"^{commit}")
		if err != nil {
			continue
		}
		if full, err := g.line("rev-parse", "--abbrev-ref", name); err == nil && full != "" {
			name = full
		}
		return name, nil
	}
	return "", errors.New("no branch is known that this one could be compared with; name one")
}

// gitlink is the mode of another repository in a tree.
const gitlink = "160000"

// add adds what is different in a work tree, of which g is the root, since a commit.
func (t *Tree) add(g git, commit string, needs func(string) bool) error {
	diff, err := g.output("-c", "diff.autoRefreshIndex=true", "diff", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv",
		"--no-color", "--ignore-submodules=none", commit, "--")
	if err != nil {
		return err
	}
	unknown, err := g.output("ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	index, err := g.output("ls-files", "-z", "--stage")
	if err != nil {
		return err
	}
	for _, entry := range split(index) {
		fields, name, _ := strings.Cut(entry, "\t")
		path := filepath.Join(g.dir, name)
		switch mode, _, _ := strings.Cut(fields, " "); mode {
		case gitlink:
			t.repos = append(t.repos, path)
		case "120000":
			t.links[path] = ""
		}
		t.known[path] = true
	}
	first, seen := len(t.Changed), make(map[string]bool)
	words := ""
	for _, word := range split(diff) {
		if words == "" {
			words = word // :mode mode id id status
			continue
		}
		fields, path := strings.Fields(words), filepath.Join(g.dir, word)
		words = ""
		if len(fields) != 5 {
			return fmt.Errorf("git diff: %q", fields)
		}
		if old, now := fields[0], fields[1]; old == ":"+gitlink || now == gitlink {
			t.addRepository(path, fields[2], needs)
			continue
		}
		t.Changed = append(t.Changed, File{Path: path, id: fields[2]})
		seen[path] = true
	}
	for _, name := range split(unknown) {
		path := filepath.Join(g.dir, name)
		t.known[path] = true
		if strings.HasSuffix(name, "/") {
			t.repos = append(t.repos, path)
		}
		if !seen[path] {
			t.Changed = append(t.Changed, File{Path: path, Below: strings.HasSuffix(name, "/")})
		}
	}
	return g.readOld(t.Changed[first:], needs)
}

// addRepository adds what is different in a submodule: since the commit that the
// tree around it had before, or all of it where that is unknown.
func (t *Tree) addRepository(dir, commit string, needs func(string) bool) {
	g := git{dir}
	if root, err := g.root(); err == nil && root == dir {
		before := len(t.Changed)
		if t.add(g, commit, needs) == nil {
			return
		}
		t.Changed = t.Changed[:before]
	}
	t.Changed = append(t.Changed, File{Path: dir, Below: true})
}

// split returns the parts of what git prints with -z.
func split(text []byte) []string {
	parts := strings.Split(string(text), "\x00")
	return parts[:len(parts)-1]
}

// readOld reads old contents.
func (g git) readOld(files []File, needs func(string) bool) error {
	var ids strings.Builder
	var asked []*File
	for i := range files {
		f := &files[i]
		if needs(f.Path) && strings.Trim(f.id, "0") != "" {
			fmt.Fprintln(&ids, f.id)
			asked = append(asked, f)
		}
		f.id = "" // another repository does not have it
	}
	if len(asked) == 0 {
		return nil
	}
	out, err := g.answer(strings.NewReader(ids.String()), "cat-file", "--batch")
	if err != nil {
		return err
	}
	r := bufio.NewReader(bytes.NewReader(out))
	for _, f := range asked {
		head, err := r.ReadString('\n') // id type size
		fields := strings.Fields(head)
		if err != nil || len(fields) != 3 {
			return fmt.Errorf("git cat-file: %q", strings.TrimSpace(head))
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			return fmt.Errorf("git cat-file: %q", strings.TrimSpace(head))
		}
		f.Old = make([]byte, size)
		if _, err := io.ReadFull(r, f.Old); err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		r.Discard(1)
	}
	return nil
}

// followLinks adds the names by which symbolic links lead to what is different.
func (t *Tree) followLinks() {
	known := make(map[string]bool)
	for _, f := range t.Changed {
		known[f.Path] = true
		if info, err := os.Lstat(f.Path); err == nil && info.Mode()&os.ModeSymlink != 0 {
			t.links[f.Path] = ""
		}
	}
	for link := range t.links {
		t.links[link], _ = filepath.EvalSymlinks(link)
	}
	for _, f := range t.Changed {
		for link, target := range t.links {
			rel, err := filepath.Rel(target, f.Path)
			if path := filepath.Join(link, rel); target != "" && err == nil && filepath.IsLocal(rel) && !known[path] {
				t.Changed = append(t.Changed, File{Path: path, Old: f.Old, Below: f.Below})
			}
		}
	}
}

// Ignored reports whether git ignores a file of the tree, so that nobody knows
// whether it changed.
func (t *Tree) Ignored(path string) bool {
	in := func(dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	if t.known[path] || !in(t.Root) {
		return false
	}
	for _, dir := range t.repos {
		if in(dir) {
			return false
		}
	}
	for link, target := range t.links {
		if target != "" && in(link) {
			return false
		}
	}
	return true
}
