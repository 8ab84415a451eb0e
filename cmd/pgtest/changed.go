package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/build"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/changes"
	"pgtest/harness/gotest"
	"pgtest/harness/plural"
	"pgtest/harness/reach"
)

// checkChanged says what --changed can't be together with.
func checkChanged(c *flags.CommandLine) error {
	if c.Changed == nil {
		if c.Why {
			return errors.New("--why: needs --changed")
		}
		return nil
	}
	return together("changed",
		clash{c.RawCommand, "--raw-command, whose packages are unknown"},
		clash{c.ReadsInput(), "-, which runs no tests"},
		clash{c.Archive != "", "--archive, which has no sources"},
		clash{c.DebugTests != nil, "--debug-test"},
		clash{slices.ContainsFunc(c.Line.Packages(), isGoFile), "files in place of packages"},
	)
}

// reachedLine returns the command line for those packages of a line that changes
// reach, without --changed the line itself. It says what it found.
func reachedLine(c *flags.CommandLine, w io.Writer) (*flags.CommandLine, error) {
	if c.Changed == nil {
		return c, nil
	}
	say := func(format string, args ...any) { fmt.Fprintf(w, "pgtest: --changed: "+format+"\n", args...) }
	line := *c
	if len(line.Line.Packages()) == 0 {
		line.Line = line.Line.WithPackages("./...")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	type listed struct {
		graph *reach.Graph
		err   error
	}
	list := make(chan listed, 1)
	go func() {
		g, err := listGraph(c.Dir, line.Line)
		list <- listed{g, err}
	}()
	tree, err := changes.Files(dir, c.Changed.Ref, needsText)
	l := <-list
	switch {
	case err != nil && c.Changed.Ref != "":
		return nil, fmt.Errorf("--changed=%s: %w", c.Changed.Ref, err)
	case err != nil:
		return nil, fmt.Errorf("--changed: %w", err)
	case l.err != nil:
		say("everything runs: %v", l.err)
		return &line, nil
	}
	for _, name := range []string{"overlay", "modfile"} {
		if line.Line.Value(name) != "" || strings.Contains(gotest.Env("GOFLAGS"), "-"+name+"=") {
			say("everything runs: with -%s files are not what they seem", name)
			return &line, nil
		}
	}
	return choose(&line, l.graph, tree, logicalRoot(dir, tree.Root), say), nil
}

// choose leaves the packages in a line that the changes of a tree reach, and says
// which. root is the directory of the tree as go list knows it.
func choose(line *flags.CommandLine, g *reach.Graph, tree *changes.Tree, root string, say func(string, ...any)) *flags.CommandLine {
	q := reach.Changes{Root: root, Build: buildContext(line), Read: readFile}
	for _, f := range tree.Changed {
		rel, _ := filepath.Rel(tree.Root, f.Path)
		file := reach.File{Path: filepath.Join(root, rel), Old: f.Old, Below: f.Below}
		if needsText(f.Path) {
			file.New = readFile(file.Path)
		}
		q.Files = append(q.Files, file)
	}
	changed := len(q.Files)
	for _, p := range g.Packages() {
		for _, path := range p.Built() {
			if rel, err := filepath.Rel(root, path); err == nil && tree.Ignored(filepath.Join(tree.Root, rel)) {
				say("%s: git ignores it, so it counts as changed", rel)
				q.Files = append(q.Files, reach.File{Path: path, New: readFile(path)})
			}
		}
	}
	reached := g.Changed(q)
	for _, dir := range reached.Outside {
		say("%s: not in the repository, so it counts as changed", dir)
	}
	if reached.Everything != "" {
		say("everything runs: %s", reached.Everything)
	}
	total := 0
	for _, p := range g.Packages() {
		if p.Chosen {
			total++
		}
	}
	since := fmt.Sprintf("since %s (%s)", tree.Ref, short(tree.Base))
	if changed == 0 {
		say("nothing changed %s: %d of %s", since, len(reached.Packages), plural.Count(total, "package", "packages"))
	} else {
		say("%d of %s, by %s that changed %s", len(reached.Packages), plural.Count(total, "package", "packages"),
			plural.Count(changed, "file", "files"), since)
	}
	line.Reached = []string{}
	for _, p := range reached.Packages {
		line.Reached = append(line.Reached, p.Path)
		if chain := reached.Why(p); line.Why && len(chain) > 0 {
			say("%s", strings.Join(chain, " → "))
		}
	}
	if len(line.Reached) > 0 {
		line.Line = line.Line.WithPackages(line.Reached[0], line.Reached[1:]...)
	}
	return line
}

// listGraph asks go for the packages of a line and what they need.
func listGraph(dir string, line gotest.Line) (*reach.Graph, error) {
	out, _, err := gotest.Ask(dir, graphWords(line, line.Packages())...)
	if err != nil {
		return nil, err
	}
	return reach.ParseList(bytes.NewReader(out))
}

// needsText reports whether what a file holds says what it reaches.
func needsText(path string) bool {
	base := filepath.Base(path)
	return reach.IsSource(base) || reach.IsModuleFile(base) || base == "modules.txt"
}

func readFile(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}

// logicalRoot returns the root of a repository by the symbolic links that lead to
// a directory in it.
func logicalRoot(dir, root string) string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return root
	}
	rel, err := filepath.Rel(root, real)
	if err != nil {
		return root
	}
	logical := dir
	if rel != "." {
		cut, ok := strings.CutSuffix(dir, string(filepath.Separator)+rel)
		if !ok {
			return root
		}
		logical = cut
	}
	if same, err := filepath.EvalSymlinks(logical); err != nil || same != root {
		return root
	}
	return logical
}

// buildContext is what decides which files a line's packages have, as far as it is
// known without the go command.
func buildContext(c *flags.CommandLine) build.Context {
	ctx := build.Default
	ctx.GOOS = cmp.Or(gotest.Env("GOOS"), runtime.GOOS)
	ctx.GOARCH = cmp.Or(gotest.Env("GOARCH"), runtime.GOARCH)
	tags := c.Line.Value("tags")
	set, _ := gotest.SplitQuoted(gotest.Env("GOFLAGS"))
	for _, part := range append(gotest.Parse(set).Parts(), c.Line.Parts()...) {
		switch {
		case part.Kind != gotest.OwnFlag:
		case part.Name == "tags" && tags == "":
			tags = part.Value
		case slices.Contains([]string{"race", "msan", "asan"}, part.Name):
			ctx.BuildTags = append(ctx.BuildTags, part.Name)
		}
	}
	ctx.BuildTags = append(ctx.BuildTags, strings.FieldsFunc(tags, func(r rune) bool { return r == ',' || r == ' ' })...)
	return ctx
}
