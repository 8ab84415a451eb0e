package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/cmd/pgtest/internal/timing"
	"pgtest/harness"
	"pgtest/harness/archive"
	"pgtest/harness/coverage"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/outfile"
	"pgtest/harness/plural"
	"pgtest/harness/shard"
	"pgtest/harness/steady"
)

const archiveHelp = `Build the tests of packages, and pack them with the files that they need:

    pgtest tool archive -o tests.tar.zst -race ./...
    pgtest --archive=tests.tar.zst --shard=2/4

Behind the flags stand packages and build flags as of go test.

`

// archiver makes an archive.
type archiver struct {
	out      *outfile.Whole
	path     string
	includes []string
	plan     []byte
	line     gotest.Line
	packages []listedPackage
	header   archive.Header
	events   bytes.Buffer
	notes    []string
	written  bool
}

// makeArchive runs pgtest tool archive.
func makeArchive(args []string, gotestsum bool) (int, error) {
	usageStatus := ownError(gotestsum)
	a := new(archiver)
	set := flag.NewFlagSet("pgtest tool archive", flag.ContinueOnError)
	set.StringVar(&a.path, "o", "", "`path` of the archive")
	set.Func("include", "`pattern` of more files, as 'x/**/*.golden'; may be given several times", func(v string) error {
		a.includes = append(a.includes, v)
		return nil
	})
	shards := set.String("n", "", "pack a plan for `n` shards")
	times := set.String("timing-files", "", "`pattern` of files with times for it, as for tool plan")
	planPath := set.String("shard-plan", "", "pack this plan, a `path`")
	own, rest := timing.OwnFlags(set, args)
	ok, err := timing.ParseFlags(set, own, archiveHelp, steady.Writer(os.Stdout))
	switch {
	case err != nil:
		return usageStatus, archiveError(err)
	case !ok:
		return 0, nil
	}
	c, err := flags.Parse(rest, false)
	if err == nil {
		err = a.check(c)
	}
	if err == nil {
		err = a.findPlan(*shards, *times, *planPath)
	}
	if err == nil {
		err = a.checkIncludes()
	}
	if err == nil {
		err = a.list()
	}
	if err != nil {
		return usageStatus, archiveError(err)
	}
	if a.out, err = outfile.CreateWhole(a.path); err != nil {
		return usageStatus, archiveError(fmt.Errorf("-o %w", err))
	}
	return a.build(c)
}

func archiveError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("tool archive: %w", err)
}

// check says what is wrong with the words behind the tool's own flags.
func (a *archiver) check(c *flags.CommandLine) error {
	if a.path == "" {
		return errors.New("-o is missing: where does the archive go?")
	}
	for _, word := range c.OwnWords() {
		if f := gotest.CutFlag(word); !slices.Contains([]string{"link-cache", "link-cache-size", "grace", "tty"}, f.Name) {
			return fmt.Errorf("--%s: it is for the run of the archive", f.Name)
		}
	}
	for _, p := range c.Line.Parts() {
		switch name := strings.TrimPrefix(p.Name, "test."); {
		case p.Kind == gotest.Package && isGoFile(p.Word):
			return fmt.Errorf("%s: packages are archived, not files", p.Word)
		case p.Kind == gotest.Package, p.Kind == gotest.OwnFlag && gotest.IsBuildFlag(name) && !slices.Contains([]string{"C", "c", "n", "o", "work", "exec", "json"}, name):
		default:
			return fmt.Errorf("%s: it is for the run of the archive", p.Word)
		}
	}
	a.line = c.Line
	return nil
}

// findPlan reads the plan, or makes one.
func (a *archiver) findPlan(shards, times, path string) (err error) {
	switch {
	case path != "" && shards != "":
		return errors.New("--shard-plan: not with -n, which makes a plan")
	case path != "":
		if a.plan, err = os.ReadFile(path); err != nil {
			return fmt.Errorf("--shard-plan=%s: %w", path, errors.Unwrap(err))
		}
	case shards != "":
		words := []string{"-n=" + shards}
		if times != "" {
			words = append(words, "--timing-files="+times)
		}
		var plan bytes.Buffer
		err := timing.Tools["plan"]("", append(words, a.line.Words()...), timing.Streams{Out: &plan, Err: io.Discard})
		if err != nil {
			return fmt.Errorf("-n: %w", err)
		}
		a.plan = plan.Bytes()
	case times != "":
		return errors.New("--timing-files: needs -n")
	default:
		return nil
	}
	if _, err := shard.Read(bytes.NewReader(a.plan)); err != nil {
		return fmt.Errorf("--shard-plan=%s: %w", path, err)
	}
	return nil
}

// checkIncludes says which --include names nothing, before anything is built.
func (a *archiver) checkIncludes() error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	for _, pattern := range a.includes {
		if _, err := archive.Matching(wd, pattern); err != nil {
			return fmt.Errorf("--include=%s: %w", pattern, err)
		}
	}
	return nil
}

// listedPackage is a package as go list tells of it.
type listedPackage struct {
	sources.Package
	Standard bool
	Root     string
	Module   *struct {
		Path, Dir string
		Main      bool
	}
}

// archivedSettings are the settings of the go command that an archive tells.
var archivedSettings = []string{
	"GOVERSION", "GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "CGO_ENABLED", "GOEXPERIMENT", "GOFLAGS", "GOROOT", "GOTOOLCHAIN",
}

// list asks the go command for its settings and the packages.
func (a *archiver) list() error {
	text, _, err := gotest.Ask("", slices.Concat([]string{"env", "-json"}, archivedSettings)...)
	if err == nil {
		err = json.Unmarshal(text, &a.header.Env)
	}
	if err != nil {
		return err
	}
	text, _, err = gotest.Ask("", slices.Concat([]string{"list", "-e", "-json=ImportPath,Dir,Root,Standard,Module,TestGoFiles,XTestGoFiles"}, a.line.ListWords())...)
	if err != nil {
		return err
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a.packages = append(a.packages, p)
	}
}

// build builds the tests as a run would, but for the role that keeps the binaries
// in the tests' place, and writes the archive.
func (a *archiver) build(c *flags.CommandLine) (int, error) {
	control, err := startSignals(c, true)
	if err != nil {
		a.out.Abort()
		return ownError(c.Gotestsum), err
	}
	exec, err := harness.CollectProgram()
	if err != nil {
		a.out.Abort()
		return ownError(c.Gotestsum), err
	}
	env := flags.WithoutCI(flags.WithoutOutputs(os.Environ()))
	cfg := harness.Config{
		Args: a.line.With("count", "1").EventWords(), Env: env, Exec: exec, ToolExec: c.Settings.ToolExec, LinkCache: openLinkCache(c),
		TempDir: gotest.Env("GOTMPDIR"), ReapOrphans: true, Signals: control, Collect: a.collect,
	}
	cfg.Stream.Format, cfg.Stream.NoSummary, cfg.Stream.BuildToStderr = "none", true, true
	cfg.Stream.Stdout, cfg.Stream.Stderr, cfg.Stream.JSONFile = io.Discard, os.Stderr, nopCloser{&a.events}
	if c.Settings.Cover {
		cfg.Coverage = func(coverage.Profile) string { return "" }
	}
	result, err := harness.Run(context.Background(), cfg)
	if a.written && err == nil && !result.Interrupted {
		err = a.out.Commit()
	} else {
		a.out.Abort()
	}
	status := result.ExitCode
	switch {
	case result.Interrupted && (err == nil || errors.Is(err, context.Canceled)):
		err = archiveError(fmt.Errorf("%s: not written", a.path))
	case err != nil:
		status = cmp.Or(status, 1)
		err = archiveError(err)
	case !a.written:
		status = cmp.Or(status, 1)
		err = archiveError(fmt.Errorf("%s: not written, because not all tests could be built", a.path))
	}
	control.After("a message", func() {
		for _, note := range a.notes {
			fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: tool archive: %s\n", note)
		}
		if err != nil {
			printError(err)
		} else if a.written {
			fmt.Fprintf(steady.Writer(os.Stderr), "pgtest: %s: the tests of %s, %s\n", a.path, plural.Count(len(a.header.Packages), "package", "packages"), formatSize(fileSize(a.path)))
		}
	})
	control.Exit(status)
	return status, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// collect writes the archive from what was kept in the run's directory.
func (a *archiver) collect(ctx context.Context, dir string, profile coverage.Profile) error {
	binaries, err := harness.Collected(dir)
	if err != nil {
		return err
	}
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	trees := a.trees(wd)
	var w archive.Writer
	h := &a.header
	h.Program, h.Flags, h.Commit, h.Plan = version(), a.buildFlags(), shard.Head(""), a.plan
	h.CoverMode = profile.Mode // the go command writes a profile though no test ran
	here := trees[0]
	h.Dir, h.Root, h.Built = here.In(wd), here.Name, here.Dir
	for _, p := range a.inOrder() {
		tree := trees[slices.IndexFunc(trees, func(t *archive.Tree) bool { return t.In(p.Dir) != "" })]
		packed := &archive.Package{ImportPath: p.ImportPath, Dir: tree.In(p.Dir), Output: p.output}
		if i := slices.IndexFunc(binaries, func(b harness.Binary) bool { return b.Dir == p.Dir }); i >= 0 {
			if err := a.addBinary(&w, packed, binaries[i]); err != nil {
				return err
			}
			a.addTests(packed, p.Package)
		} else {
			packed.Profile = fragmentOf(profile, p.ImportPath)
		}
		h.Packages = append(h.Packages, packed)
	}
	absolute, err := filepath.Abs(a.path)
	if err != nil {
		return err
	}
	for _, t := range trees {
		notes, err := w.AddTree(ctx, t, absolute)
		if err != nil {
			return err
		}
		a.notes = append(a.notes, notes...)
	}
	for _, pattern := range a.includes {
		notes, err := w.AddMatching(ctx, here, wd, pattern)
		if err != nil {
			return fmt.Errorf("--include=%s: %w", pattern, err)
		}
		a.notes = append(a.notes, notes...)
	}
	if err := w.Write(ctx, a.out, h); err != nil {
		return err
	}
	a.written = true
	return nil
}

// fragmentOf returns the blocks of a package's files, as lines.
func fragmentOf(p coverage.Profile, importPath string) string {
	part := coverage.Profile{Mode: p.Mode}
	for _, f := range p.Files {
		if path.Dir(f.FileName) == importPath {
			part.Files = append(part.Files, f)
		}
	}
	var text strings.Builder
	part.Write(&text) // it can't fail
	_, blocks, _ := strings.Cut(text.String(), "\n")
	return blocks
}

func (a *archiver) buildFlags() (words []string) {
	for _, p := range a.line.Parts() {
		if p.Kind == gotest.OwnFlag {
			words = append(words, p.Words...)
		}
	}
	return words
}

// trees returns the directories that have the packages: that of the working
// directory's workspace or module, or of the repository that has it, first. A
// repository inside of a module is a part of that.
func (a *archiver) trees(wd string) []*archive.Tree {
	here, _ := sources.ModuleOf(wd)
	if work := gotest.Env("GOWORK"); filepath.IsAbs(work) {
		here = filepath.Dir(work)
	}
	here = cmp.Or(here, wd)
	trees := []*archive.Tree{{Dir: cmp.Or(archive.RepositoryOf(here), here)}}
	for _, p := range a.packages {
		dir, module := cmp.Or(p.Root, p.Dir), ""
		if p.Module != nil && p.Module.Dir != "" {
			if dir = p.Module.Dir; p.Module.Main {
				module = dir
			}
		}
		i := slices.IndexFunc(trees, func(t *archive.Tree) bool { return t.In(p.Dir) != "" || t.Dir == dir })
		if i < 0 {
			if module != "" {
				dir = cmp.Or(archive.RepositoryOf(dir), dir)
			}
			i = len(trees)
			trees = append(trees, &archive.Tree{Dir: dir})
		}
		t := trees[i]
		t.Packages = append(t.Packages, p.Dir)
		if module != "" && !slices.Contains(t.Modules, module) {
			t.Modules = append(t.Modules, module)
		}
	}
	for i, t := range trees {
		t.Name = fmt.Sprintf("files/%d/%s", i, filepath.Base(t.Dir))
	}
	return trees
}

// ran is a package as go test told of it.
type ran struct {
	listedPackage
	output string
}

// inOrder returns the packages in the order in which go test starts them, with what
// it says of each.
func (a *archiver) inOrder() []ran {
	listed := make(map[string]listedPackage)
	for _, p := range a.packages {
		listed[p.ImportPath] = p
	}
	var order []string
	outputs := make(map[string]string)
	for dec := json.NewDecoder(&a.events); ; {
		var e struct{ Action, Package, Output string }
		if dec.Decode(&e) != nil {
			break
		}
		switch e.Action {
		case "start":
			order = append(order, e.Package)
		case "output":
			outputs[e.Package] += e.Output
		}
	}
	var all []ran
	for _, importPath := range order {
		if p, ok := listed[importPath]; ok {
			all = append(all, ran{p, outputs[importPath]})
		}
	}
	return all
}

// addBinary adds a test binary and what it needs for coverage.
func (a *archiver) addBinary(w *archive.Writer, p *archive.Package, b harness.Binary) error {
	p.Output = ""
	dir := "bin/" + filepath.Base(filepath.Dir(b.Path))
	p.Binary = dir + "/" + filepath.Base(b.Path)
	if err := w.Add(p.Binary, b.Path); err != nil {
		return err
	}
	for _, importPath := range slices.Sorted(maps.Keys(b.Meta)) {
		if p.Meta == nil {
			p.Meta = make(map[string]string)
		}
		p.Meta[importPath] = dir + "/" + filepath.Base(b.Meta[importPath])
		if err := w.Add(p.Meta[importPath], b.Meta[importPath]); err != nil {
			return err
		}
	}
	return nil
}

// addTests adds the tests that a package declares.
func (a *archiver) addTests(to *archive.Package, p sources.Package) {
	locator := sources.NewLocator(sources.Run{Flags: a.line.FileFlags()})
	names, _ := p.Names(append([]sources.Kind{sources.Benchmark}, sources.Tests...)...)
	for _, name := range names {
		place, _ := locator.Test(p.ImportPath, name)
		to.Tests = append(to.Tests, archive.Test{Name: name, File: place.File, Line: place.Line})
	}
}
