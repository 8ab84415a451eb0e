package main

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// TestChangedReferee has go test judge a few edits of a small module.
func TestChangedReferee(t *testing.T) {
	harnesstest.Need(t, "git")
	t.Parallel()
	dir := writeModule(t, map[string]string{
		"a/a.go": "package a\n\nimport _ \"embed\"\n\n//go:embed a.txt\nvar A string\n", "a/a.txt": "a",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tt.Log(A)\n}\n",
		"b/b_test.go": "package b\n\nimport (\n\t\"os\"\n\t\"testing\"\n\n\t\"example.com/m/a\"\n)\n\nfunc TestB(t *testing.T) {\n\tos.ReadFile(a.A)\n\tos.ReadFile(\"../shared/x\")\n}\n",
		"c/c_test.go": "package c\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestC(t *testing.T) {\n\tos.ReadFile(\"testdata/x\")\n}\n", "c/testdata/x": "x",
		"shared/x": "x",
		"a/doc.go": "// Package a.\npackage a\n", "a/types.go": "package a\n\ntype T struct {\n\tA int\n}\n\nconst C = 1\n", "a/a_windows.go": "package a\n",
	})
	r := &referee{T: t, dir: dir}
	r.git("init", "-q")
	r.git("add", ".")
	r.git("commit", "-q", "-m", "first")
	r = newReferee(t, dir)
	for _, test := range []struct {
		name string
		edit func()
		want int // packages by both
	}{
		{"a comment and an embedded file", func() { r.appendTo("c/c_test.go", "// end\n"); r.appendTo("a/a.txt", "a") }, 2},
		{"code, testdata and what is elsewhere", func() {
			r.appendTo("a/a.go", liveCode)
			r.appendTo("c/testdata/x", "x")
			r.appendTo("shared/x", "x")
		}, 3},
		{"what go builds to the same", func() {
			r.write(r.in("a/doc.go"), "// Package a has A.\n//\n// And more.\npackage a\n")
			r.write(r.in("a/types.go"), "package a\n\n// T is a type.\ntype T struct {\n\tA int // of it\n}\n\n// C is a constant.\nconst C = 1\n")
			r.write(r.in("a/new.go"), "package a\n")
			r.appendTo("a/a_windows.go", liveCode)
			if err := cmp.Or(os.Rename(r.in("a/a.go"), r.in("a.go")), os.Symlink("../a.go", r.in("a/a.go"))); err != nil {
				t.Fatal(err)
			}
		}, 0},
	} {
		if ours, theirs := r.judge(test.name, test.edit); ours != test.want || theirs != test.want {
			t.Errorf("%s: %d packages, and by go test %d, want %d", test.name, ours, theirs, test.want)
		}
	}
}

// TestChangedModule has go test judge random edits of the module in the directory
// REFEREE, as many as REFEREE_EDITS says. It changes the module.
func TestChangedModule(t *testing.T) {
	dir := os.Getenv("REFEREE")
	if dir == "" {
		t.Skip("needs REFEREE, the directory of a module in a git repository of its own, and REFEREE_EDITS")
	}
	edits, err := strconv.Atoi(os.Getenv("REFEREE_EDITS"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("REFEREE_SEED"); text != "" {
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	r := newReferee(t, dir)
	r.never, _ = r.test()
	t.Logf("seed %d, %d packages with tests, of which go test never caches %v", seed, len(r.tested), r.never)
	e := newEditor(r, rand.New(rand.NewPCG(seed, 0)))
	sums := make(map[string][3]int)
	for n := 1; n <= edits; n++ {
		kind, name, edit := e.next()
		ours, theirs := r.judge(name, edit)
		for _, key := range []string{kind, "all"} {
			sums[key] = [3]int{sums[key][0] + 1, sums[key][1] + ours, sums[key][2] + theirs}
		}
		t.Logf("%d: %s: %d, by go test %d", n, name, ours, theirs)
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		sum := sums[name]
		t.Logf("%-24s %4d edits reach %5d packages, by go test %5d: %.2f", name, sum[0], sum[1], sum[2], float64(sum[1])/float64(sum[2]))
	}
}

// An editor makes random edits.
type editor struct {
	*referee
	random *rand.Rand
	kinds  []editKind
}

// An editKind is a kind of edits, each of one of some files.
type editKind struct {
	name string
	from []string
	edit func(name string)
}

// next returns an edit, or two, which it leaves untracked, staged or committed; the
// first one's kind; and what it says of all.
func (e *editor) next() (kind, name string, edit func()) {
	first := e.kinds[e.random.IntN(len(e.kinds))]
	file := e.one(first.from)
	name = first.name + ": " + file
	then := func() {}
	if e.random.IntN(5) == 0 {
		second := e.kinds[e.random.IntN(len(e.kinds))]
		file := e.one(second.from)
		name += ", " + second.name + ": " + file
		then = func() {
			if e.is(file) { // it may be the one that is gone
				second.edit(file)
			}
		}
	}
	last := e.random.IntN(3)
	name += []string{"", ", staged", ", committed"}[last]
	return first.name, name, func() {
		first.edit(file)
		then()
		if last > 0 {
			e.git("add", "-A")
		}
		if last > 1 {
			e.git("commit", "-q", "--allow-empty", "-m", "edit")
		}
	}
}

func (e *editor) one(from []string) string { return from[e.random.IntN(len(from))] }

// is reports whether a file or directory of the module is there.
func (e *editor) is(name string) bool {
	_, err := os.Stat(e.in(name))
	return err == nil
}

// modulePackage is a package as go list says.
type modulePackage struct {
	Dir                                    string
	IgnoredGoFiles, SFiles, CFiles, HFiles []string
	EmbedFiles, TestEmbedFiles             []string
}

func newEditor(r *referee, random *rand.Rand) *editor {
	e := &editor{referee: r, random: random}
	var code, tests, data, dirs []string
	r.walk(func(path string, d fs.DirEntry) {
		name, _ := filepath.Rel(r.dir, path)
		switch {
		case !d.Type().IsRegular() || strings.HasPrefix(name, "go."):
		case strings.HasSuffix(name, "_test.go"):
			tests = append(tests, name)
		case strings.HasSuffix(name, ".go"):
			code = append(code, name)
		default:
			data = append(data, name)
		}
	})
	var excluded, native, embedded []string
	out, err := r.command("go", "list", "-json=Dir,IgnoredGoFiles,SFiles,CFiles,HFiles,EmbedFiles,TestEmbedFiles", "./...")
	if err != nil {
		r.Fatal(out)
	}
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		var p modulePackage
		if err := d.Decode(&p); err != nil {
			r.Fatal(err)
		}
		dir, _ := filepath.Rel(r.dir, p.Dir)
		dirs = append(dirs, dir)
		add := func(to *[]string, names ...string) {
			for _, name := range names {
				*to = append(*to, filepath.Join(dir, name))
			}
		}
		add(&excluded, p.IgnoredGoFiles...)
		add(&native, slices.Concat(p.SFiles, p.CFiles, p.HFiles)...)
		add(&embedded, slices.Concat(p.EmbedFiles, p.TestEmbedFiles)...)
	}
	goMod := []string{"go.mod"}
	for _, kind := range []editKind{
		{"a comment", slices.Concat(code, tests), func(name string) { e.appendTo(name, "// end\n") }},
		{"a comment on top", code, func(name string) { e.write(e.in(name), "// top\n\n"+e.read(name)) }},
		{"code", code, func(name string) { e.appendTo(name, liveCode) }},
		{"code of tests", tests, func(name string) { e.appendTo(name, liveCode) }},
		{"an excluded file", excluded, func(name string) { e.appendTo(name, liveCode) }},
		{"a constraint", slices.Concat(code, tests), func(name string) { e.write(e.in(name), "//go:build never\n\n"+e.read(name)) }},
		{"no constraint", excluded, func(name string) { e.write(e.in(name), strings.Replace(e.read(name), "//go:build", "// ", 1)) }},
		{"assembly and C", native, e.instruct},
		{"an embedded file", embedded, func(name string) { e.appendTo(name, " ") }},
		{"data", data, func(name string) { e.appendTo(name, " ") }},
		{"new file", dirs, func(dir string) { e.newFile(dir, "referee_new.go", "") }},
		{"new excluded file", dirs, func(dir string) { e.newFile(dir, "referee_windows.go", "") }},
		{"new test file", dirs, func(dir string) { e.newFile(dir, "referee_test.go", "") }},
		{"new data", data, func(name string) { e.write(e.in(filepath.Join(filepath.Dir(name), "referee.txt")), "x") }},
		{"new package", dirs, e.newPackage},
		{"file gone", slices.Concat(code, tests), e.remove},
		{"data gone", data, e.remove},
		{"package gone", slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool { return dir == "." }), e.remove},
		{"renamed", code, func(name string) { e.rename(name, filepath.Join(filepath.Dir(name), "referee_renamed.go")) }},
		{"data renamed", data, func(name string) { e.rename(name, name+".referee") }},
		{"moved", code, func(name string) {
			dir := e.one(dirs)
			text := e.read(name)
			e.remove(name)
			e.newFile(dir, "referee_moved.go", text)
		}},
		{"a symbolic link", slices.Concat(code, tests, data), func(name string) {
			moved := filepath.Join("_referee", filepath.Base(name)) // where go builds nothing
			e.rename(name, filepath.Join(filepath.Dir(name), moved))
			if err := os.Symlink(moved, e.in(name)); err != nil {
				r.Fatal(err)
			}
		}},
		{"a mode", slices.Concat(code, data), func(name string) {
			if err := os.Chmod(e.in(name), 0o755); err != nil {
				r.Fatal(err)
			}
		}},
		{"go.mod: a comment", goMod, func(name string) { e.appendTo(name, "\n// end\n") }},
		{"go.mod: retract", goMod, func(name string) { e.appendTo(name, "\nretract "+e.major("")+".0.1\n") }},
		{"go.mod: exclude", e.required(), func(module string) { e.appendTo("go.mod", "\nexclude "+module+" "+e.major(module)+".0.1\n") }},
		{"go.mod: require", e.required(), e.require},
		{"go.mod: replace", e.required(), e.replace},
		{"go.sum", slices.Repeat([]string{"go.sum"}, min(1, len(e.required()))), func(name string) {
			lines := strings.SplitAfter(e.read(name), "\n")
			n := e.random.IntN(len(lines) - 1)
			e.write(e.in(name), strings.Join(slices.Delete(lines, n, n+1), ""))
		}},
	} {
		if len(kind.from) > 0 {
			e.kinds = append(e.kinds, kind)
		}
	}
	return e
}

func (e *editor) remove(name string) {
	if err := os.RemoveAll(e.in(name)); err != nil {
		e.Fatal(err)
	}
}

func (e *editor) rename(name, to string) {
	err := os.MkdirAll(filepath.Dir(e.in(to)), 0o777)
	if err == nil {
		err = os.Rename(e.in(name), e.in(to))
	}
	if err != nil {
		e.Fatal(err)
	}
}

var packageClause = regexp.MustCompile(`(?m)^package .*`)

// newFile adds a file to the package in a directory, of a text that is one of
// another package or "".
func (e *editor) newFile(dir, base, text string) {
	out, err := e.command("go", "list", "-e", "-f", "{{.Name}}", "./"+dir)
	if name := strings.TrimSpace(out); err == nil && name != "" {
		text = cmp.Or(text, "package x\n"+liveCode)
		e.write(e.in(filepath.Join(dir, base)), packageClause.ReplaceAllLiteralString(text, "package "+name))
	}
}

// newPackage adds one with a test below a directory.
func (e *editor) newPackage(dir string) {
	e.write(e.in(filepath.Join(dir, "referee", "x.go")), "package referee\n"+liveCode)
	e.write(e.in(filepath.Join(dir, "referee", "x_test.go")), "package referee\n\nimport \"testing\"\n\nfunc TestX(*testing.T) {}\n")
}

// instruct adds an instruction to assembly for this machine, a variable to what is
// C, and a comment to what is neither.
func (e *editor) instruct(name string) {
	text := e.read(name)
	switch filepath.Ext(name) {
	case ".s":
		if runtime.GOARCH == "amd64" {
			text = strings.Replace(text, "\tRET\n", "\tBYTE $0x90\n\tRET\n", 1)
		}
	case ".c":
		text += "\nint referee = 1;\n"
	default:
		text += "\n// end\n"
	}
	e.write(e.in(name), text)
}

// required returns the modules that the module requires.
func (e *editor) required() []string {
	out, err := e.command("go", "list", "-m", "-f", "{{if and .Version (not .Indirect)}}{{.Path}}{{end}}", "all")
	if err != nil {
		e.Fatal(out)
	}
	return strings.Fields(out)
}

var majorSuffix = regexp.MustCompile(`/(v[0-9]+)$`)

// major returns the major version that a module's path asks for; "" is the module
// that is edited.
func (e *editor) major(module string) string {
	if module == "" {
		module, _ = e.command("go", "list", "-m")
	}
	if match := majorSuffix.FindStringSubmatch(strings.TrimSpace(module)); match != nil {
		return match[1]
	}
	return "v0"
}

// require changes the version of a module to an older one, as go get does.
func (e *editor) require(module string) {
	if older := e.older(module); older != "" {
		e.command("go", "get", module+"@"+older)
	}
}

// replace has an older version of a module in its place.
func (e *editor) replace(module string) {
	if older := e.older(module); older != "" {
		e.appendTo("go.mod", "\nreplace "+module+" => "+module+" "+older+"\n")
		e.command("go", "mod", "download", module)
	}
}

// older returns the version of a module before the one that is selected, or "".
func (e *editor) older(module string) string {
	out, err := e.command("go", "list", "-m", "-f", "{{.Version}} {{join .Versions \" \"}}", "-versions", module)
	if versions := strings.Fields(out); err == nil && len(versions) > 2 {
		if at := slices.Index(versions[1:], versions[0]); at > 0 {
			return versions[at]
		}
	}
	return ""
}
