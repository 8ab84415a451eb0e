package sources

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// unpack writes the files of an archive, and a .git. It returns their directory.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	for _, f := range append(txtar.Parse([]byte(archive)).Files, txtar.File{Name: ".git/HEAD"}) {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func show(place Place, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprintf("%s:%d", place.File, place.Line)
}

// A question is one for a Test ("example.com/a TestA") or for a Line
// ("example.com/a a_test.go:12"), with the answer. DIR is the repository's.
type question struct{ what, want string }

func ask(t *testing.T, name string, l *Locator, dir string, questions []question) {
	t.Helper()
	for _, q := range questions {
		i := strings.LastIndexByte(q.what, ' ')
		pkg, what := q.what[:i], strings.ReplaceAll(q.what[i+1:], "DIR", dir)
		got := ""
		if file, line, ok := strings.Cut(what, ":"); ok {
			n := 0
			fmt.Sscan(line, &n)
			got = show(l.Line(pkg, file, n))
		} else {
			got = show(l.Test(pkg, what))
		}
		if got != q.want {
			t.Errorf("%s: %s: %s, want %s", name, q.what, got, q.want)
		}
	}
}

const module1 = `
-- m/go.mod --
module example.com/m

go 1.25
-- m/a.go --
package m
-- m/a_test.go --
package m

import "testing"

func TestMain(m *testing.M)     { m.Run() }
func TestA(t *testing.T)        {
	t.Fatal("x")
}
func BenchmarkA(b *testing.B)   {}
func FuzzA(f *testing.F)        {}
func Example()                  {}
func Testing(t *testing.T)      {}
func (s suite) TestM(t *testing.T) {}
func TestNone()                 {}
func TestBoth(t *testing.T)     {}
type suite struct{}
-- m/ext_test.go --
package m_test

import "testing"

func TestExt(t *testing.T) {
	func() {
		t.Log("y")
	}()
}
func TestBoth(t *testing.T) {}
-- m/.hidden_test.go --
package m

func TestHidden(t *testing.T) {}
-- m/_left_test.go --
package m

func TestLeft(t *testing.T) {}
-- m/bad_test.go --
package m

func TestBad(t *testing.T) {
-- m/tags/one_test.go --
//go:build integration

package tags

func TestTagged(t *testing.T) {}
func TestIntegration(t *testing.T) {}
-- m/tags/two_test.go --
//go:build !integration

package tags


func TestTagged(t *testing.T) {}
-- m/tags/three_test.go --
//go:build go1.1 && race

package tags

func TestRace(t *testing.T) {}
-- m/tags/four_test.go --
//go:build go1.1 && !race

package tags



func TestRace(t *testing.T) {}
-- m/gen/gen_test.go --
package gen

import "testing"

//line gen.y:2
func TestGrammar(t *testing.T) {
	t.Log()
}

//line gone.y:2
func TestGone(t *testing.T) {
}

//line gen.y:200
func TestFar(t *testing.T) {
}

//line ../a_test.go:7
func TestElsewhere(t *testing.T) {
}
-- m/gen/gen.y --
%%
grammar
x
-- m/gen/a_test.go --
package gen

import "testing"

func TestOwn(t *testing.T) {
	t.Log()


}
-- m/self/self_test.go --
package self

func TestSelf(t *testing.T) {
//line self_test.go:3
	t.Log()
}
-- m/sub/x_test.go --
package sub

func TestX(t *testing.T) {
	testutil.Check(t)
}
-- m/sub/helper.go --
package sub

import "testing"

func Log(t testing.TB) {
	t.Log("at the line at which testutil.Check fails")
}
-- m/testutil/helper.go --
package testutil

import "testing"

func Check(t testing.TB) {
	t.Error("helper.go:6 it is called")
}
-- m/testutil/x.go --
package testutil
-- m/cgo/c.go --
package cgo

import "C"
import "testing"

func F(t *testing.T) { t.Log() }
-- m/cgo/c_test.go --
package cgo

func TestC(t *testing.T) {}
-- m/nested/go.mod --
module example.com/m/nested
-- m/nested/n_test.go --
package nested

func TestN(t *testing.T) {}
-- m/vendor/modules.txt --
-- m/vendor/example.com/dep/dep_test.go --
package dep

func TestDep(t *testing.T) {}
-- m/errors/a_test.go --
package errors

func TestE(t *testing.T) {}
-- m/cache/pkg/mod/example.com/old@v1.0.0/old.go --
package old
-- m/empty.go --
`

func TestLocator(t *testing.T) {
	dir := unpack(t, module1)
	link := dir + "-link"
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("x_test.go", filepath.Join(dir, "m/sub/linked_test.go")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOMODCACHE", filepath.Join(dir, "m/cache/pkg/mod"))
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	tests := []question{
		{"example.com/m TestA", "m/a_test.go:6"},
		{"example.com/m TestA/sub/deep", "m/a_test.go:6"},
		{"example.com/m BenchmarkA", "m/a_test.go:9"},
		{"example.com/m BenchmarkA-8", "m/a_test.go:9"},
		{"example.com/m BenchmarkB-8", "none"},
		{"example.com/m FuzzA/seed#0", "m/a_test.go:10"},
		{"example.com/m Example", "m/a_test.go:11"},
		{"example.com/m TestExt", "m/ext_test.go:5"},
		{"example.com/m [example.com/m.test] TestExt", "m/ext_test.go:5"},
		{"example.com/m_test [example.com/m.test] TestExt", "m/ext_test.go:5"},
		{"example.com/m.test TestExt", "m/ext_test.go:5"},
		{"example.com/m TestBoth", "none"},
		{"example.com/m TestMain", "none"},
		{"example.com/m Testing", "none"},
		{"example.com/m TestM", "none"},
		{"example.com/m TestNone", "none"},
		{"example.com/m TestHidden", "none"},
		{"example.com/m TestLeft", "none"},
		{"example.com/m TestBad", "none"},
		{"example.com/m TestUnknown", "none"},
		{"example.com/m/gen TestGrammar", "m/gen/gen.y:2"},
		{"example.com/m/gen TestGone", "m/gen/gen_test.go:11"},
		{"example.com/m/gen TestFar", "m/gen/gen_test.go:15"},
		{"example.com/m/cgo TestC", "m/cgo/c_test.go:3"},
		{"example.com/m/sub TestX", "none"}, // in two files
		{"example.com/m/nested TestN", "none"},
		{"example.com/m/none TestN", "none"},
		{"example.com/m/vendor/example.com/dep TestDep", "m/vendor/example.com/dep/dep_test.go:3"},
		{"example.com/dep TestDep", "none"},
		{"example.com/mm TestA", "none"},
		{"example.com/m/../m TestA", "none"},
		{"../m TestA", "none"},
		{"/m TestA", "none"},
		{" TestA", "none"},
		{"command-line-arguments TestA", "none"},
		{"errors TestE", "none"},
		{"errors TestIs", "none"},
	}
	lines := []question{
		{"example.com/m a_test.go:7", "m/a_test.go:7"},
		{"example.com/m a_test.go:3", "none"}, // in no function
		{"example.com/m a_test.go:70", "none"},
		{"example.com/m a_test.go:0", "none"},
		{"example.com/m b_test.go:7", "none"},
		{"example.com/m empty.go:1", "none"},
		{"example.com/m ext_test.go:7", "m/ext_test.go:7"},
		{"example.com/m DIR/m/a_test.go:3", "m/a_test.go:3"},
		{"example.com/m DIR/m/a_test.go:16", "m/a_test.go:16"},
		{"example.com/m DIR/m/a_test.go:17", "none"},
		{"example.com/m DIR-link/m/a_test.go:3", "m/a_test.go:3"},
		{"example.com/m DIR/m/gone_test.go:3", "none"},
		{"example.com/m DIR/m:3", "none"},
		{"example.com/m DIR/../x_test.go:3", "none"},
		{"example.com/m /dev/zero:1", "none"},
		{"example.com/m DIR/m/cache/pkg/mod/example.com/old@v1.0.0/old.go:1", "none"},
		{"unknown DIR/m/a_test.go:3", "m/a_test.go:3"},
		{"unknown a_test.go:7", "none"},
		// As the compiler prints them.
		{"example.com/m/sub [example.com/m/sub.test] sub/x_test.go:3", "m/sub/x_test.go:3"},
		{"example.com/m [example.com/m.test] ./a_test.go:7", "m/a_test.go:7"},
		{"example.com/m/gen ./a_test.go:7", "none"}, // go's directory has one, too
		// With -trimpath.
		{"example.com/m example.com/m/a_test.go:3", "m/a_test.go:3"},
		{"example.com/m example.com/m_test/ext_test.go:3", "m/ext_test.go:3"},
		{"example.com/m example.com/m/sub/x_test.go:3", "m/sub/x_test.go:3"},
		{"example.com/m example.com/dep@v1.0.0/dep_test.go:1", "none"},
		{"example.com/m testing/testing.go:1", "none"},
		// Helpers in other packages.
		{"example.com/m/sub ../testutil/x.go:1", "m/testutil/x.go:1"},
		{"example.com/m/sub helper.go:6", "none"},
		{"example.com/m/testutil helper.go:6", "none"},
		{"example.com/m/cgo c_test.go:3", "m/cgo/c_test.go:3"},
		{"example.com/m/cgo c.go:6", "none"},
		// Generated files.
		{"example.com/m/gen gen.y:3", "m/gen/gen.y:3"},
		{"example.com/m/gen gen.y:30", "none"},
		{"example.com/m/gen gone.y:3", "none"},
		{"example.com/m/gen gen_test.go:6", "none"},
		{"example.com/m/gen a_test.go:6", "none"}, // or ../a_test.go
		{"example.com/m/self self_test.go:3", "none"},
	}
	m := filepath.Join(dir, "m")
	ask(t, "tests", NewLocator(Run{Dir: m}), dir, tests)
	ask(t, "lines", NewLocator(Run{Dir: m}), dir, lines)
	ask(t, "tests, by a link", NewLocator(Run{Dir: filepath.Join(link, "m")}), dir, tests)
	ask(t, "lines, by a link", NewLocator(Run{Dir: filepath.Join(link, "m")}), dir, lines)
	ask(t, "from a directory of it", NewLocator(Run{Dir: filepath.Join(m, "sub")}), dir, []question{
		{"example.com/m TestA", "m/a_test.go:6"},
		{"example.com/m/sub ./x_test.go:3", "m/sub/x_test.go:3"},
		{"example.com/m ../a_test.go:3", "m/a_test.go:3"},
	})
	ask(t, "no tags", NewLocator(Run{Dir: m}), dir, []question{
		{"example.com/m/tags TestTagged", "m/tags/two_test.go:6"},
		{"example.com/m/tags TestIntegration", "none"},
		{"example.com/m/tags one_test.go:5", "none"},
		{"example.com/m/tags TestRace", "m/tags/four_test.go:7"},
	})
	ask(t, "tags", NewLocator(Run{Dir: m, Flags: []string{"-tags", "integration", "-race"}}), dir, []question{
		{"example.com/m/tags TestTagged", "m/tags/one_test.go:5"},
		{"example.com/m/tags TestIntegration", "m/tags/one_test.go:6"},
		{"example.com/m/tags one_test.go:5", "m/tags/one_test.go:5"},
		{"example.com/m/tags TestRace", "m/tags/three_test.go:5"},
	})
	ask(t, "foreign", NewLocator(Run{Dir: m, Foreign: true}), dir, []question{
		{"example.com/m/tags TestTagged", "none"},
		{"example.com/m/tags TestIntegration", "m/tags/one_test.go:6"},
		{"example.com/m/tags one_test.go:5", "m/tags/one_test.go:5"},
		{"example.com/m TestA", "m/a_test.go:6"},
	})
	ask(t, "changed", NewLocator(Run{Dir: m, Since: time.Now().Add(-time.Hour)}), dir, []question{
		{"example.com/m TestA", "none"}, {"example.com/m a_test.go:7", "none"}, {"example.com/m DIR/m/a_test.go:3", "none"},
	})
	ask(t, "not changed", NewLocator(Run{Dir: m, Since: time.Now().Add(time.Hour)}), dir, []question{{"example.com/m TestA", "m/a_test.go:6"}})
	ask(t, "an overlay", NewLocator(Run{Dir: m, Flags: []string{"-overlay=x.json"}}), dir, []question{
		{"example.com/m TestA", "none"}, {"example.com/m DIR/m/a_test.go:3", "none"},
	})
	ask(t, "no module", NewLocator(Run{Dir: dir}), dir, []question{
		{"example.com/m TestA", "none"}, {"example.com/m DIR/m/a_test.go:3", "none"},
	})
	ask(t, "no directory", NewLocator(Run{Dir: filepath.Join(dir, "none")}), dir, []question{{"example.com/m TestA", "none"}})
	if err := os.Remove(filepath.Join(dir, ".git/HEAD")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	ask(t, "no repository", NewLocator(Run{Dir: filepath.Join(m, "sub")}), dir, []question{{"example.com/m TestA", "a_test.go:6"}})
	l := NewLocator(Run{Dir: m})
	l.Test("example.com/m", "TestA")
	if err := os.RemoveAll(m); err != nil {
		t.Fatal(err)
	}
	ask(t, "deleted", l, dir, []question{
		{"example.com/m TestA", "a_test.go:6"}, // as it was
		{"example.com/m/tags TestIntegration", "none"}, {"example.com/m DIR/m/gen/gen.y:1", "none"},
	})
}

// TestLocatorWorkspace has a workspace, whose modules may be in each other.
func TestLocatorWorkspace(t *testing.T) {
	dir := unpack(t, `
-- go.work --
go 1.25

use (
	./one
	./one/two
	../outside
)
-- one/go.mod --
module example.com/one
-- one/a_test.go --
package one

func TestA(t *testing.T) {}
-- one/two/go.mod --
module example.com/one/two
-- one/two/a_test.go --
package two

func TestB(t *testing.T) {}
-- ../outside/go.mod --
module example.com/outside
-- ../outside/a_test.go --
package outside

func TestC(t *testing.T) {}
`)
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "")
	questions := []question{
		{"example.com/one TestA", "one/a_test.go:3"},
		{"example.com/one/two TestB", "one/two/a_test.go:3"},
		{"example.com/one/two a_test.go:3", "one/two/a_test.go:3"},
		{"example.com/outside TestC", "none"},
	}
	for _, at := range []string{".", "one", "one/two"} {
		ask(t, at, NewLocator(Run{Dir: filepath.Join(dir, at)}), dir, questions)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	ask(t, "no repository", NewLocator(Run{Dir: filepath.Join(dir, "one")}), dir, questions)
}

// TestLocatorStandardLibrary is for those who work on Go.
func TestLocatorStandardLibrary(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "src")
	if _, err := os.Stat(filepath.Join(dir, "errors/wrap_test.go")); err != nil {
		t.Skip(err)
	}
	l := NewLocator(Run{Dir: dir})
	for _, q := range [][2]string{{"errors", "TestIs"}, {"cmd/internal/quoted", "TestSplit"}} {
		if place, ok := l.Test(q[0], q[1]); !ok || !strings.Contains(place.File, q[0]+"/") {
			t.Errorf("%s %s: %s", q[0], q[1], show(place, ok))
		}
	}
}
