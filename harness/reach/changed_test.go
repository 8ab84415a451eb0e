package reach

import (
	"encoding/json"
	"fmt"
	"go/build"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "/r"

// tree is a repository with a workspace of two modules. In m, core is imported by
// app, app by the tests of cmd, and core by vendor's dep by way of replace. tool is
// a module that no run is about.
var tree = []listed{
	{ImportPath: "m/core", GoFiles: []string{"core.go", "old_linux.go"}, IgnoredGoFiles: []string{"core_windows.go", "gen.go"}, IgnoredOtherFiles: []string{"x_arm64.s", "y.s"}, Name: "core",
		TestGoFiles: []string{"core_test.go"}, EmbedPatterns: []string{"web"}, EmbedFiles: []string{"web/a.html"}},
	{ImportPath: "m/app", Name: "app", GoFiles: []string{"app.go"}, TestGoFiles: []string{"app_test.go"}, Imports: []string{"m/core"}, TestEmbedPatterns: []string{"golden"}},
	{ImportPath: "m/cmd", GoFiles: []string{"main.go"}, XTestGoFiles: []string{"main_test.go"}, XTestImports: []string{"m/app"}},
	{ImportPath: "m/plain", GoFiles: []string{"p.go"}, Imports: []string{"m/core"}},
	{ImportPath: "m/native", CgoFiles: []string{"n.go"}, CFiles: []string{"n.c"}, HFiles: []string{"n.h"}, SysoFiles: []string{"n_linux.syso"}, TestGoFiles: []string{"n_test.go"}},
	{ImportPath: "m/alone", GoFiles: []string{"alone.go"}, TestGoFiles: []string{"alone_test.go"}, Imports: []string{"m/gone", "dep.example/d"}},
	{ImportPath: "m/reads", GoFiles: []string{"r.go"}, TestGoFiles: []string{"r_test.go"}},
	{ImportPath: "m/app [m/cmd.test]", Dir: "/r/m/app", ForTest: "m/cmd", GoFiles: []string{"app.go"}, Match: []string{"./..."}, Module: &listedModule{Path: "m", Dir: "/r/m", Main: true}},
	{ImportPath: "m/excl", IgnoredGoFiles: []string{"x_windows.go"}, GoFiles: []string{"x.go"}, TestGoFiles: []string{"x_test.go"}, TestImports: []string{"m/testgone", "old.example/o", "lib/l"}},
	{ImportPath: "lib/l", Dir: "/r/lib/l", GoFiles: []string{"l.go"}, Module: &listedModule{Path: "lib", Dir: "/r/lib", Replace: &replacement{Path: "../lib"}}},
	{ImportPath: "nest/n", Dir: "/r/m/core/nest/n", GoFiles: []string{"n.go"}, Match: []string{"./..."}, Module: &listedModule{Path: "nest", Dir: "/r/m/core/nest", Main: true}},
	{ImportPath: "old.example/o", Dir: "/cache/o", GoFiles: []string{"o.go"}, Module: &listedModule{Path: "old.example/o", Version: "v1.0.0", Dir: "/cache/o", Replace: &replacement{"new.example/o", "v1.2.0"}}},
	{ImportPath: "dep.example/d", Dir: "/cache/d", GoFiles: []string{"d.go"}, Imports: []string{"dep.example/e"}, Module: &listedModule{Path: "dep.example/d", Version: "v1.0.0", Dir: "/cache/d"}},
	{ImportPath: "dep.example/e", Dir: "/r/m/vendor/dep.example/e", GoFiles: []string{"e.go"}, Module: &listedModule{Path: "dep.example/e", Version: "v1.1.0", Dir: "/cache/e"}},
	{ImportPath: "other/x", Dir: "/r/other/x", GoFiles: []string{"x.go"}, TestGoFiles: []string{"x_test.go"}, Match: []string{"./..."}, Module: &listedModule{Path: "other", Dir: "/r/other", Main: true}},
}

// texts are files that did not change.
var texts = map[string]string{
	"/r/m/go.mod": "module m\n", "/r/other/go.mod": "module other\n", "/r/tool/go.mod": "module tool\n", "/r/m/core/testdata/mod/go.mod": "module x\n",
	"/r/m/core/core_test.go":   "package core\n",
	"/r/m/native/n.go":         "package native\n\n// #include \"n.h\"\nimport \"C\"\n",
	"/r/m/native/n.c":          "#include \"../include/part.c\"\n",
	"/r/m/native/n.h":          "#include \"../include/deep.h\"\n",
	"/r/m/reads/r_test.go":     "package reads\n\nvar _ = filepath.Join(\"..\", \"shared\", name)\nvar _, _ = \"../core/core.go\", \"../m.golden/*\"\n",
	"/r/m/excl/x_test.go":      "package excl\n\nvar _, _ = filepath.Glob(`*.go`), filepath.Join(\"..\", \"app\", \"named\")\n",
	"/r/m/alone/alone_test.go": "package alone\n\nvar _ = parser.ParseFile\n",
}

func treeGraph(t *testing.T, packages []listed) *Graph {
	t.Helper()
	var text strings.Builder
	for _, l := range packages {
		if l.Module == nil {
			l.Dir, l.Match = "/r/"+l.ImportPath, []string{"./..."}
			l.Module = &listedModule{Path: "m", Dir: "/r/m", GoVersion: "1.25", Main: true}
		}
		if err := json.NewEncoder(&text).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	g, err := ParseList(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reached says what changes reach: packages, or why everything.
func reached(g *Graph, files ...File) string {
	linux := build.Default
	linux.GOOS, linux.GOARCH = "linux", "amd64"
	r := g.Changed(Changes{Root: repository, Files: files, Build: linux, Read: func(path string) []byte {
		if text, ok := texts[path]; ok {
			return []byte(text)
		}
		return nil
	}})
	if r.Everything != "" {
		return "everything: " + r.Everything
	}
	var all []string
	for _, p := range r.Packages {
		all = append(all, p.Path)
	}
	return strings.Join(all, " ")
}

func TestChanged(t *testing.T) {
	const code = "package p\n\nfunc f() {}\n"
	const all = "m/alone m/app m/cmd m/core m/excl m/native m/plain m/reads nest/n other/x"
	edited := func(path, old, now string) File {
		f := File{Path: filepath.Join(repository, path), Old: []byte(old), New: []byte(now)}
		if old == "" {
			f.Old = nil
		}
		if now == "" {
			f.New = nil
		}
		return f
	}
	goMod := func(require string) string {
		return "module m\n\ngo 1.25\n\nrequire (\n" + require + ")\n\nreplace (\n\tlib => ../lib\n\told.example/o => new.example/o v1.2.0\n)\n"
	}
	const app = "m/app m/cmd"
	const constants = "package core\n\nconst (\n\ta = 1\n\tb\n)\n"
	const requires = "\tdep.example/d v1.0.0\n\tdep.example/e v1.1.0\n"
	tests := []struct {
		name string
		file File
		want string
	}{
		{"a source file", edited("m/core/core.go", code, code+"var x int\n"), "m/app m/cmd m/core m/plain m/reads"},
		{"the same code, of which other tests read the text", edited("m/core/core.go", code, code), "m/reads"},
		{"a file that nobody imports", edited("m/cmd/main.go", code, code+"var x int\n"), "m/cmd"},
		{"a test file", edited("m/app/app_test.go", code, code+"var x int\n"), "m/app"},
		{"a new file", edited("m/app/new.go", "", code), "m/app m/cmd"},
		{"a file that is gone", edited("m/app/gone.go", code, ""), "m/app m/cmd"},
		{"a package that is gone", edited("m/gone/g.go", code, ""), "m/alone"},
		{"a package that nobody imports is gone", edited("m/lost/l.go", code, ""), ""},
		{"a package that tests imported is gone", edited("m/testgone/g.go", code, ""), "m/excl"},
		{"a file of no package", edited("m/alone/gen/gen.go", code, code+"var x int\n"), "m/alone"},
		{"a file of no package, of which no tests read the text", edited("m/app/gen/gen.go", code, code+"var x int\n"), ""},
		{"C of no package", edited("m/app/data/x.c", "a", "b"), "m/app m/native"},
		{"a package of another module", edited("other/x/x.go", code, code+"var x int\n"), "other/x"},

		{"a comment at the end", edited("m/app/app.go", code, code+"// end\n"), ""},
		{"a comment without end", edited("m/app/app.go", code, code+"/* x"), app},
		{"a comment that moves code", edited("m/app/app.go", code, "// top\n"+code), "m/app m/cmd"},
		{"a comment that is a directive", edited("m/app/app.go", code, code+"//go:noinline\n"), "m/app m/cmd"},
		{"a comment of a cgo file", edited("m/native/n.go", "package native\n// int x;\nimport \"C\"\n", "package native\n// int y;\nimport \"C\"\n"), "m/native"},
		{"a comment, where tests read sources", edited("m/alone/alone.go", code, code+"// end\n"), "m/alone"},
		{"the output of an example", edited("m/app/app_test.go", code+"// Output:\n// a\n", code+"// Output:\n// b\n"), "m/app"},
		{"words behind an example", edited("m/app/app_test.go", "package p\n\n// Output:\n// a\n\nfunc f() {}\n// a\n", "package p\n\n// Output:\n// a\n\nfunc f() {}\n// b\n"), ""},
		{"more words", edited("m/app/app.go", "package p\n\n// a\nfunc f() {}\n", "package p\n\n// longer\nfunc f() {} // behind\n"), ""},
		{"a comment that moves constants", edited("m/core/core.go", constants, "// top\n"+constants), "m/reads"},
		{"one constant for two", edited("m/core/core.go", constants, strings.Replace(constants, "1\n\tb", "1 - b", 1)), "m/app m/cmd m/core m/plain m/reads"},
		{"fields in one line", edited("m/app/app.go", "package app\n\ntype t struct {\n\tA\n\tB\n}\n", "package app\n\ntype t struct {\n\tA B\n}\n"), app},
		{"a comment that moves a variable", edited("m/app/app.go", "package app\n\nvar x = f()\n", "package app\n\n// x\nvar x = f()\n"), app},
		{"documentation", edited("m/core/doc.go", "// Package core.\npackage core\n", "// Package core does.\n//\n// More.\npackage core\n"), ""},
		{"new documentation", edited("m/core/old_linux.go", "", "// Package core.\npackage core\n"), ""},
		{"documentation of another package", edited("m/core/old_linux.go", "", "// Package other.\npackage other\n"), "m/app m/cmd m/core m/plain"},
		{"documentation that is gone", edited("m/core/doc.go", "package core\n", ""), ""},
		{"the only file without code", edited("m/app/app.go", "", "package app\n"), app},
		{"a test file without code", edited("m/core/core_test.go", "", "package core\n"), "m/core"},
		{"other words", edited("m/app/app_test.go", code+"// a\n", code+"// b\n"), ""},

		{"a file for another system", edited("m/core/core_windows.go", code, code+"var x int\n"), ""},
		{"one of which tests read the text", edited("m/excl/x_windows.go", code, code+"var x int\n"), "m/excl"},
		{"it is gone", edited("m/core/gone_windows.go", code, ""), ""},
		{"a new one", edited("m/core/core_windows.go", "", code), ""},
		{"a new one with a constraint", edited("m/core/gen.go", "", "//go:build never\n\n"+code), ""},
		{"a constraint that came", edited("m/core/gen.go", code, "//go:build never\n\n"+code), "m/app m/cmd m/core m/plain"},
		{"a constraint that stays", edited("m/core/gen.go", "//go:build never\n\n"+code, "//go:build never\n\n"+code+"var x int\n"), ""},
		{"another that excludes", edited("m/core/gen.go", "//go:build never\n\n"+code, "//go:build nowhere\n\n"+code), ""},
		{"one of the toolchain", edited("m/core/gen.go", "//go:build go1.30\n\n"+code, "//go:build never\n\n"+code), "m/app m/cmd m/core m/plain"},
		{"one of an old toolchain", edited("m/core/gen.go", "//go:build !go1.25\n\n"+code, "//go:build never\n\n"+code), ""},
		{"one of the C compiler", edited("m/core/gen.go", "//go:build !cgo\n\n"+code, "//go:build never\n\n"+code), "m/app m/cmd m/core m/plain"},
		{"one that was behind the first line", edited("m/core/y.s", "#include \"t.h\"\n//go:build never\n", "//go:build never\n\n#include \"t.h\"\n"), "m/app m/cmd m/core m/plain"},
		{"assembly for another system", edited("m/core/x_arm64.s", "a", "b"), ""},

		{"an embedded file", edited("m/core/web/a.html", "", ""), "m/app m/cmd m/core m/plain"},
		{"one that would be embedded", edited("m/core/web/b/c.html", "", ""), "m/app m/cmd m/core m/plain"},
		{"one that tests embed", edited("m/app/golden/x", "", ""), "m/app"},
		{"testdata", edited("m/core/testdata/x.go", code, code), "m/core"},
		{"a module in testdata", edited("m/core/testdata/mod/go.mod", code, code), "m/core"},
		{"a hidden directory", edited("m/core/_x/x.go", code, code+code), "m/core"},
		{"a directory with a dot", edited("m/core/.x/x.go", code, code+code), "m/core"},
		{"data below a package", edited("m/core/docs/x.md", "", ""), "m/core"},
		{"data that other tests name by its elements", edited("m/app/named", "", ""), "m/app m/excl"},
		{"data of a module in a package", edited("m/core/nest/x", "", ""), "everything: any test may read m/core/nest/x"},
		{"data of a module that others import", edited("lib/x", "", ""), ""},
		{"C in a module that others import", edited("lib/include/x.c", "a", "b"), "m/native"},
		{"data that other tests name", edited("m/shared/a", "", ""), "m/reads"},
		{"a file of another module", edited("tool/main.go", code, code+"var x int\n"), ""},
		{"data of another module", edited("tool/x/data", "", ""), ""},
		{"a document", edited("m/README.md", "", ""), ""},
		{"a document of a package", edited("m/app/README.md", "", ""), "m/app"},
		{"a script", edited("m/build.sh", "", ""), "everything: any test may read m/build.sh"},
		{"a script whose name is more than a line", edited("ci/a\nb\x1b", "", ""), `everything: any test may read "ci/a\nb\x1b"`},
		{"a script whose name is no text", edited("ci/\xff", "", ""), `everything: any test may read "ci/\xff"`},
		{"a script outside of modules", edited("ci/ä b\".sh", "", ""), "everything: any test may read ci/ä b\".sh"},
		{"settings in a hidden directory", edited("m/.config/pgtest.toml", "", ""), "everything: m/.config/pgtest.toml says how tests run"},
		{"settings of a test", edited("m/core/testdata/pgtest.toml", "", ""), "m/core"},
		{"settings", edited("pgtest.toml", "", ""), "everything: pgtest.toml says how tests run"},

		{"C", edited("m/native/n.c", "a", "b"), "m/native"},
		{"a header", edited("m/native/n.h", "a", "b"), "m/native"},
		{"a header elsewhere", edited("m/include/deep.h", "a", "b"), "m/native"},
		{"C that another package includes", edited("m/core/part.c", "a", "b"), "m/app m/cmd m/core m/native m/plain"},
		{"a header in a package", edited("m/core/deep.h", "a", "b"), "m/app m/cmd m/core m/native m/plain"},
		{"an object file", edited("m/native/n_linux.syso", "a", "b"), "m/native"},

		{"a comment in go.mod", edited("m/go.mod", goMod(requires), goMod(requires)+"// x\n"), ""},
		{"a version", edited("m/go.mod", goMod(requires), goMod("\tdep.example/d v1.0.0\n\tdep.example/e v1.0.0\n")), "m/alone"},
		{"a version of what nobody needs", edited("m/go.mod", goMod(requires), goMod(requires+"\tnot.example/f v1.0.0\n")), ""},
		{"a module that no file names", edited("m/go.mod", goMod("\tnot.example/f v1.0.0\n"), goMod("\tnot.example/f v1.0.1\n")), "m/alone"},
		{"a replacement", edited("m/go.mod", goMod(requires), goMod(requires)+"replace dep.example/d => ../d\n"), "m/alone"},
		{"a version that is selected by others", edited("m/go.mod", goMod("\tdep.example/e v1.0.0\n"), goMod("\tdep.example/e v1.0.0\n\tnot.example/f v1.0.0\n")), "m/alone"},
		{"an exclusion", edited("m/go.mod", goMod(requires), goMod(requires)+"exclude dep.example/e v1.0.5\n"), ""},
		{"an exclusion of what no file names", edited("m/go.mod", goMod(""), goMod("")+"exclude dep.example/d v1.0.5\n"), "m/alone"},
		{"a version of a module of the workspace", edited("m/go.mod", goMod(requires+"\tother v1.0.0\n"), goMod(requires+"\tother v1.1.0\n")), ""},
		{"a retraction", edited("m/go.mod", goMod(""), goMod("")+"retract v1.0.0\n"), ""},
		{"a replacement of what no file requires", edited("m/go.mod", goMod(""), goMod("")+"replace not.example/f => ../f\n"), "m/alone"},
		{"a replacement of a version", edited("m/go.mod", goMod(requires), goMod(requires)+"replace dep.example/d v1.0.0 => ../d\n"), "m/alone"},
		{"a replacement of another version", edited("m/go.mod", goMod(requires), goMod(requires)+"replace dep.example/d v0.9.0 => ../d\n"), ""},
		{"a setting of the runtime", edited("m/go.mod", goMod(requires), goMod(requires)+"godebug http2client=0\n"), "everything: m/go.mod: it says how all packages are built"},
		{"a directory without packages", edited("m/go.mod", goMod(requires), goMod(requires)+"ignore ./x\n"), "everything: m/go.mod: it says how all packages are built"},
		{"the go line", edited("m/go.mod", goMod(requires), strings.Replace(goMod(requires), "1.25", "1.26", 1)), "everything: m/go.mod: it says how all packages are built"},
		{"a toolchain", edited("m/go.mod", goMod(requires), goMod(requires)+"toolchain go1.26.1\n"), "everything: m/go.mod: it says how all packages are built"},
		{"a broken go.mod", edited("m/go.mod", goMod(requires), "modul\n"), "everything: m/go.mod: it can't be read"},
		{"no go.mod before", edited("m/go.mod", "", goMod(requires)), "everything: m/go.mod: there is a module or was one"},
		{"a module in a module", edited("m/sub/go.mod", "", "module m/sub\n"), "everything: m/sub/go.mod: its directory is a module or was one"},
		{"a module beside others", edited("new/go.mod", "", "module new\n"), ""},
		{"go.mod of another module", edited("tool/go.mod", "module tool\n", "module tool\n\ngo 1.25\n"), ""},
		{"a sum", edited("m/go.sum", "dep.example/e v1.1.0 h1:a\n", "dep.example/e v1.1.0 h1:b\n"), "m/alone"},
		{"a sum of another version", edited("m/go.sum", "", "dep.example/e v1.0.0 h1:a\n"), ""},
		{"a sum that is gone", edited("m/go.sum", "dep.example/e v1.1.0 h1:a\nx v1.0.0 h1:a\n", "x v1.0.0 h1:a\n"), "m/alone"},
		{"a sum of go.mod", edited("m/go.sum", "", "dep.example/e v1.1.0/go.mod h1:a\n"), "m/alone"},
		{"a sum of a replacement", edited("m/go.sum", "", "new.example/o v1.2.0 h1:a\n"), "m/excl"},
		{"a sum of a workspace", edited("go.work.sum", "", "dep.example/e v1.1.0 h1:a\n"), "m/alone"},
		{"another order in a workspace", edited("go.work", "go 1.25\nuse ./m\nuse ./o\n", "go 1.25\nuse ./o\nuse ./m\n"), ""},
		{"a workspace", edited("go.work", "go 1.25\nuse ./m\n", "go 1.25\nuse (\n\t./m\n\t./other\n)\n"), "everything: go.work: it says which modules there are"},
		{"a comment in a workspace", edited("go.work", "go 1.25\nuse ./m\n", "go 1.25 // x\nuse ./m\n"), ""},
		{"a vendored file", edited("m/vendor/dep.example/e/e.go", code, code+"var x int\n"), "m/alone"},
		{"a vendored file of no package", edited("m/vendor/dep.example/e/_x/x.go", code, ""), ""},
		{"a vendored file in a hidden directory", edited("m/vendor/far.example/_x/x.go", code, ""), ""},
		{"a vendored file that is not used", edited("m/vendor/dep.example/d/d.go", code, code+"var x int\n"), ""},
		{"data that is vendored", edited("m/vendor/far.example/x.bin", "", ""), ""},
		{"a vendored module", edited("m/vendor/modules.txt", "# dep.example/e v1.0.0\n## explicit\n", "# dep.example/e v1.1.0\n## explicit\n"), "m/alone"},
		{"how modules are vendored", edited("m/vendor/modules.txt", "# dep.example/e v1.1.0\n", "## workspace\n# dep.example/e v1.1.0\n"), "everything: m/vendor/modules.txt: it says how all packages are vendored"},
		{"no vendored modules before", edited("m/vendor/modules.txt", "", "# dep.example/e v1.1.0\n"), "everything: m/vendor/modules.txt: packages are vendored or were"},

		{"a submodule", File{Path: "/r/m/core", Below: true}, "m/app m/cmd m/core m/plain m/reads nest/n"},
		{"a submodule of data", File{Path: "/r/m/app/sub", Below: true}, "m/app"},
	}
	g := treeGraph(t, tree)
	for _, test := range tests {
		if got := reached(g, test.file); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	if got := len(g.Changed(Changes{Root: repository, Files: []File{edited("m/build.sh", "", "")}, Read: func(string) []byte { return nil }}).Packages); got != len(strings.Fields(all)) {
		t.Errorf("everything is %d packages", got)
	}
}

// TestOutside has a module outside of the repository, which reaches its importers.
func TestOutside(t *testing.T) {
	g := treeGraph(t, append(slices.Clone(tree),
		listed{ImportPath: "far/f", Dir: "/far/f", GoFiles: []string{"f.go"}, Module: &listedModule{Path: "far", Dir: "/far", Replace: &replacement{Path: "../far"}}},
		listed{ImportPath: "m/near", TestGoFiles: []string{"n_test.go"}, TestImports: []string{"far/f"}}))
	r := g.Changed(Changes{Root: repository, Read: func(string) []byte { return nil }})
	if len(r.Packages) != 1 || fmt.Sprint(r.Why(r.Packages[0])) != "[/far far/f tests of m/near]" || fmt.Sprint(r.Outside) != "[/far]" {
		t.Errorf("%v, %v", r.Packages, r.Outside)
	}
}

// TestGoCommand has tests that run the go command, themselves or by what they
// import, of which nobody can tell what they build.
func TestGoCommand(t *testing.T) {
	defer maps.DeleteFunc(texts, func(path, _ string) bool {
		return strings.HasPrefix(path, "/r/m/go/") || strings.HasPrefix(path, "/cache/gexec")
	})
	texts["/r/m/go/tests/x_test.go"] = `exec.Command("go", "build", "m/cmd")`
	texts["/cache/gexec/g.go"] = `exec.CommandContext(ctx, "go", words...)`
	texts["/r/m/go/git/x_test.go"] = `exec.Command("git", "go")`
	exec := []string{"os/exec"}
	g := treeGraph(t, append(slices.Clone(tree),
		listed{ImportPath: "m/go/tests", TestGoFiles: []string{"x_test.go"}, TestImports: exec},
		listed{ImportPath: "m/go/git", TestGoFiles: []string{"x_test.go"}, TestImports: exec},
		listed{ImportPath: "m/go/uses", GoFiles: []string{"u.go"}, XTestGoFiles: []string{"u_test.go"}, XTestImports: []string{"gexec"}},
		listed{ImportPath: "m/go/only", GoFiles: []string{"o.go"}, Imports: []string{"gexec"}},
		listed{ImportPath: "gexec", Dir: "/cache/gexec", GoFiles: []string{"g.go"}, Imports: exec, Module: &listedModule{Path: "gexec", Version: "v1.0.0", Dir: "/cache/gexec"}}))
	code := File{Path: "/r/m/cmd/main.go", Old: []byte("package cmd\n"), New: []byte("package cmd\n\nvar x int\n")}
	for _, test := range []struct {
		name string
		file File
		want string
	}{
		{"a source file", code, "m/cmd m/go/tests m/go/uses"},
		{"a source file that this build excludes", File{Path: "/r/m/core/core_windows.go", Old: code.Old, New: code.New}, "m/go/tests m/go/uses"},
		{"a file that is embedded", File{Path: "/r/m/core/web/a.html"}, "m/app m/cmd m/core m/go/tests m/go/uses m/plain"},
		{"data", File{Path: "/r/m/core/testdata/x"}, "m/core"},
		{"its own data", File{Path: "/r/m/go/tests/testdata/x"}, "m/go/tests"},
	} {
		if got := reached(g, test.file); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	r := g.Changed(Changes{Root: repository, Files: []File{code}, Read: func(path string) []byte { return []byte(texts[path]) }})
	own := g.Changed(Changes{Root: repository, Files: []File{{Path: "/r/m/go/tests/x_test.go", New: code.New}}, Read: func(path string) []byte { return []byte(texts[path]) }})
	if got := strings.Join(own.Why(g.Package("m/go/tests")), " > "); got != "m/go/tests/x_test.go > tests of m/go/tests" {
		t.Error(got)
	}
	if got := strings.Join(r.Why(g.Package("m/go/uses")), " > "); got != "m/cmd/main.go → go command > tests of m/go/uses" {
		t.Error(got)
	}
}

func TestRunsGo(t *testing.T) {
	for text, want := range map[string]bool{
		`exec.Command("go", "build")`: true, `exec.LookPath("go")`: true, `exec.CommandContext(t.Context(), "go", x)`: true,
		`[]string{"go", "run", "."}`: true, `"sh", "-c", "go test ./..."`: true, "`go vet .`": true,
		`filepath.Join(runtime.GOROOT(), "bin", "go")`: true, `root + "/bin/go"`: true,
		`exec.Command("git", "go")`: false, `lang = "go"`: false, `"go faster"`: false, `"ago build"`: false, `"/bin/gofmt"`: false,
	} {
		read := func(string) []byte { return []byte(text) }
		if got := runsGo(source{&Package{}, "x.go", []string{"os/exec"}}, read); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if runsGo(source{&Package{}, "x.go", []string{"os"}}, read) {
			t.Errorf("%s: without os/exec", text)
		}
	}
}

// TestMissing has packages whose modules the go command does not find.
func TestMissing(t *testing.T) {
	g := treeGraph(t, append(slices.Clone(tree),
		listed{ImportPath: "lost.example/x", Module: &listedModule{Path: "lost.example", Version: "v1.0.0"}},
		listed{ImportPath: "m/uses", GoFiles: []string{"u.go"}, Imports: []string{"lost.example/x"}},
		listed{ImportPath: "m/above", GoFiles: []string{"a.go"}, Imports: []string{"m/uses"}},
		listed{ImportPath: "m/tests", GoFiles: []string{"t.go"}, TestGoFiles: []string{"t_test.go"}, TestImports: []string{"lost.example/x"}}))
	for path, want := range map[string]string{"m/go.sum": "m/above m/tests m/uses", "go.work.sum": "m/above m/tests m/uses", "m/go.mod": "m/above m/tests m/uses", "tool/go.sum": "", "m/app/testdata/go.sum": "m/app"} {
		f := File{Path: filepath.Join(repository, path), Old: []byte("module m\n"), New: []byte("module m\n\n// x\n")}
		if got := reached(g, f); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestPackageGone has data of a package that is gone with it, which nobody reads.
func TestPackageGone(t *testing.T) {
	g := treeGraph(t, tree)
	tools := File{Path: "/r/m/tools.go", Old: []byte("package tools\n")}
	files := []File{{Path: "/r/m/gone/g.go", Old: []byte("package gone\n")}, {Path: "/r/m/gone/testdata/x"}, {Path: "/r/m/gone/y/z"}}
	if got := reached(g, files...); got != "m/alone" {
		t.Error(got)
	}
	if got := reached(g, tools, File{Path: "/r/m/build.sh"}); got != "everything: any test may read m/build.sh" {
		t.Error(got)
	}
	files[0].Old = []byte("//go:build ignore\n\npackage main\n")
	if got := reached(g, files...); got != "everything: any test may read m/gone/testdata/x" {
		t.Error(got)
	}
}

// TestNamed has a file of no package that some tests name, and others may find.
func TestNamed(t *testing.T) {
	defer delete(texts, "/r/m/walks/w_test.go")
	defer delete(texts, "/r/m/help/h.go")
	texts["/r/m/walks/w_test.go"] = "package walks\n\nvar _ = os.Getwd()\n"
	texts["/r/m/help/h.go"] = "package help\n\nvar _ = os.ReadFile(\"../shared/\" + name)\n"
	g := treeGraph(t, append(slices.Clone(tree), listed{ImportPath: "m/walks", TestGoFiles: []string{"w_test.go"}},
		listed{ImportPath: "m/runs", GoFiles: []string{"r.go"}, Imports: []string{"os/exec"}},
		listed{ImportPath: "m/help", GoFiles: []string{"h.go"}},
		listed{ImportPath: "m/deps", TestGoFiles: []string{"d_test.go"}, TestImports: []string{"exec.example/e"}},
		listed{ImportPath: "exec.example/e", Dir: "/cache/exec", GoFiles: []string{"e.go"}, Imports: []string{"os/exec"}, Module: &listedModule{Path: "exec.example", Version: "v1.0.0", Dir: "/cache/exec"}},
		listed{ImportPath: "m/helped", TestGoFiles: []string{"u_test.go"}, TestImports: []string{"m/help"}},
		listed{ImportPath: "m/uses", XTestGoFiles: []string{"u_test.go"}, XTestImports: []string{"m/runs"}}))
	for path, want := range map[string]string{
		"m/shared/x": "m/helped m/reads m/uses m/walks", "m/shared/d": "m/helped m/reads m/uses m/walks", "m/other/x": "everything: any test may read m/other/x", "m/LICENSE": "m/helped m/uses m/walks",
	} {
		if got := reached(g, File{Path: filepath.Join(repository, path), Below: path == "m/shared/d"}); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestWhy(t *testing.T) {
	g := treeGraph(t, tree)
	r := g.Changed(Changes{Root: repository, Read: func(string) []byte { return nil }, Files: []File{
		{Path: "/r/m/core/core_test.go", New: []byte("package core\n")}, {Path: "/r/m/core/core.go", New: []byte("package core\n\nvar x int\n")}, {Path: "/r/m/app/app_test.go", New: []byte("package app\n")},
	}})
	var got []string
	for _, p := range r.Packages {
		got = append(got, strings.Join(r.Why(p), " > "))
	}
	want := []string{
		"m/core/core.go > m/core > m/app", "m/core/core.go > m/core > m/app > tests of m/cmd", "m/core/core.go > m/core", "m/core/core.go > m/core > m/plain",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPathsIn(t *testing.T) {
	for source, want := range map[string]string{
		`x("a", "../b")`:                     "/p/b",
		`x("../b", "../../c/d.txt")`:         "/p/b /c/d.txt",
		`filepath.Join("..", "b", name)`:     "/p/b",
		`filepath.Join(dir, "..", "b")`:      "/p/b",
		`filepath.Join("..", name, "..")`:    "/p /p",
		`filepath.Glob("../x/*.txt")`:        "/p/x",
		"`../a b`":                           "/p/a b",
		`x("a/../b", "a/../../b", "./...")`:  "/p/b",
		`fmt.Sprintf("../%s/x", "/../x", 1)`: "/p",
	} {
		if got := strings.Join(pathsIn("/p/q", []byte(source)), " "); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

// TestThroughOther has a package that the user edits behind one that is not.
func TestThroughOther(t *testing.T) {
	g := treeGraph(t, []listed{
		{ImportPath: "m/a", TestGoFiles: []string{"a_test.go"}, Imports: []string{"dep/d"}},
		{ImportPath: "dep/d", Dir: "/cache/d", Imports: []string{"m/b"}, Module: &listedModule{Path: "dep/d", Dir: "/cache/d"}},
		{ImportPath: "m/b", GoFiles: []string{"b.go"}, TestGoFiles: []string{"b_test.go"}},
	})
	got, _ := g.Affected([]Change{{Path: "/r/m/b/b.go"}}, func(string) bool { return false })
	if want := []string{"m/b", "m/a"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if dirs := slices.Collect(maps.Keys(g.modules)); !slices.Equal(dirs, []string{"/r/m"}) {
		t.Errorf("modules that the user edits: %v", dirs)
	}
}
