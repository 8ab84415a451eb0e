package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pgtest/harness/harnesstest"

	"pgtest/harness/reach"
)

// limit is how long a test waits for what must happen at all.
const limit = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tester is a Watcher of a module in a directory: package p, which embeds
// page.html, with testdata.
type tester struct {
	*Watcher
	testing.TB
	dir    string
	wanted []string // by want
}

func newTester(t testing.TB, files map[string]string) *tester {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := harnesstest.WriteModule(dir, files); err != nil {
		t.Fatal(err)
	}
	w, err := New(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &tester{Watcher: w, TB: t, dir: dir}
}

func (t *tester) graph(names ...string) *reach.Graph {
	t.Helper()
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, `{"ImportPath":"m/%s","Dir":%q,"Match":["./..."],"Module":{"Dir":%q,"Main":true},"EmbedFiles":["_web/page"],"EmbedPatterns":["_web"]}`,
			name, filepath.Join(t.dir, name), t.dir)
	}
	g, err := reach.ParseList(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (t *tester) watch(names ...string) *tester {
	t.Helper()
	if _, err := t.Watch(t.graph(names...), []string{t.dir}); err != nil {
		t.Fatal(err)
	}
	return t
}

func (t *tester) write(name, text string) {
	t.Helper()
	path := filepath.Join(t.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// next returns the paths of the next burst.
func (t *tester) next() []string {
	t.Helper()
	select {
	case b := <-t.Bursts:
		var names []string
		for _, c := range b.Changes {
			name, _ := filepath.Rel(t.dir, c.Path)
			if c.Gone {
				name += " gone"
			}
			names = append(names, name)
		}
		return names
	case err := <-t.Problems:
		t.Fatal(err)
	case <-time.After(limit):
		t.Fatal("no burst")
	}
	return nil
}

// want waits for changes. A change that takes a while may be in several bursts.
func (t *tester) want(names ...string) {
	t.Helper()
	t.wanted = append(t.wanted, names...)
	missing := slices.Clone(names)
	for len(missing) > 0 {
		for _, name := range t.next() {
			if !slices.Contains(t.wanted, name) && !slices.Contains(t.wanted, strings.TrimSuffix(name, " gone")) {
				t.Fatalf("changed %q; want %q", name, names)
			}
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
		}
	}
}

func TestWatcher(t *testing.T) {
	w := newTester(t, map[string]string{"p/p.go": "package p\n", "p/testdata/in": "", "p/_web/page": "", "x/.git/config": ""}).watch("p")
	w.write("p/p.go", "package p\n\n")
	w.want("p/p.go")
	w.write("p/p.go", "package p\n\n") // as it was
	w.write("p/README", "")
	w.write("x/.git/x.go", "")
	w.write("p/_web/page", "x")
	w.want("p/_web/page")
	w.write("p/testdata/a/b/c", "")
	w.want("p/testdata/a/b/c")
	w.write("p/testdata/a/b/c", "more")
	w.want("p/testdata/a/b/c")
	w.write("q/sub/q.go", "package sub\n")
	w.want("q/sub/q.go")
	w.watch("p", "q/sub")
	if err := os.Rename(filepath.Join(w.dir, "q"), filepath.Join(w.dir, "r")); err != nil {
		t.Fatal(err)
	}
	w.want("q gone", "q/sub gone", "r/sub/q.go")
	w.watch("p", "r/sub")
	w.write("r/sub/q.go", "package sub // new\n")
	w.want("r/sub/q.go")
	if err := os.RemoveAll(filepath.Join(w.dir, "r")); err != nil {
		t.Fatal(err)
	}
	w.want("r gone", "r/sub gone", "r/sub/q.go gone")
}

// What git writes is not told before it has finished.
func TestWatcherCheckout(t *testing.T) {
	w := newTester(t, map[string]string{"p/p.go": "package p\n", ".git/HEAD": ""}).watch("p")
	other := newTester(t, map[string]string{"p/p.go": "package p\n"}).watch("p")
	w.write(".git/index.lock", "")
	if !w.locked() {
		t.Fatal("the lock is not seen")
	}
	for i := range 1000 {
		w.write(fmt.Sprintf("p/f%d.go", i), "package p\n")
	}
	// Each of these is told once it was quiet for a while.
	for i := range 10 {
		other.write("p/p.go", fmt.Sprintf("package p // %d\n", i))
		other.want("p/p.go")
	}
	select {
	case b := <-w.Bursts:
		t.Errorf("%d files while the index is locked", len(b.Changes))
	default:
	}
	if err := os.Remove(filepath.Join(w.dir, ".git/index.lock")); err != nil {
		t.Fatal(err)
	}
	for files := 0; files < 1000; {
		files += len(w.next())
	}
}

func TestWatcherLinks(t *testing.T) {
	w := newTester(t, map[string]string{
		"p/p.go": "package p\n", "q/q.go": "package q\n", "_shared/data/in": "", "_shared/s.go": "package p\n", "p/testdata/own": "",
	})
	for link, target := range map[string]string{
		"p/s.go": "../_shared/s.go", "p/testdata/shared": "../../_shared/data", "q/testdata": "../_shared/data", "p/testdata/loop": "..",
	} {
		if err := os.Symlink(target, filepath.Join(w.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	w.watch("p", "q")
	w.write("_shared/s.go", "package p\n\n")
	w.want("p/s.go")
	w.write("_shared/data/in", "x")
	w.want("p/testdata/shared/in", "q/testdata/in")
}

// A tree of 20,000 files needs a descriptor, and as few watches as it has
// directories.
func TestWatcherDescriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("kqueue needs a descriptor for each file")
	}
	files := map[string]string{"p/p.go": "package p\n"}
	for i := range 20_000 {
		files[fmt.Sprintf("p/testdata/%d/%d", i%20, i)] = ""
	}
	w := newTester(t, files)
	before := openFiles(t)
	n, err := w.Watch(w.graph("p"), []string{w.dir})
	if err != nil {
		t.Fatal(err)
	}
	if n != 23 {
		t.Errorf("%d directories; want 23", n)
	}
	if more := openFiles(t) - before; more > 0 {
		t.Errorf("%d more descriptors", more)
	}
	w.write("p/testdata/7/7", "x")
	w.want("p/testdata/7/7")
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// Where each file needs a descriptor there may be too many.
func TestWatcherRoom(t *testing.T) {
	w := newTester(t, map[string]string{"p/p.go": "package p\n", "p/testdata/1": "", "p/testdata/2": ""})
	w.room = 9 // what the module needs
	w.watch("p")
	w.write("new/n.go", "")
	w.write("new/m.go", "")
	select {
	case err := <-w.Problems:
		if want := w.dir + "/new: this system needs a descriptor for each file"; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	case <-time.After(limit):
		t.Error("no problem")
	}
}

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		err       error
		dir, want string
	}{
		{fmt.Errorf("add: %w", syscall.ENOSPC), "/d", "/d: more directories than inotify may watch; raise it with sysctl fs.inotify.max_user_watches=524288, or name fewer packages"},
		{syscall.EMFILE, "", "more programs of this user watch files than inotify allows; raise it with sysctl fs.inotify.max_user_instances=512, or end some"},
		{syscall.EMFILE, "/d", "/d: no descriptors left (ulimit -n)"},
		{errors.New("odd"), "/d", "/d: odd"},
	} {
		if got := explain(test.err, test.dir).Error(); got != test.want {
			t.Errorf("%s; want %s", got, test.want)
		}
	}
}

func TestBurst(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	wait := func(b *burst, ms int, locked bool) int { return int(b.wait(at(ms), locked).Milliseconds()) }
	var b burst
	if !b.empty() {
		t.Error("an empty burst is none")
	}
	b.add("/a", false, at(0))
	b.add("/a", true, at(20))
	if got := wait(&b, 20, false); got != 30 {
		t.Errorf("a save waits %d ms; want 30", got)
	}
	for i := range 1000 {
		b.add(fmt.Sprint("/", i), true, at(40+i))
	}
	if got := wait(&b, 1039, false); got != 200 {
		t.Errorf("many files wait %d ms; want 200", got)
	}
	b.add("/a", false, at(1990))
	if got := wait(&b, 1990, false); got != 10 {
		t.Errorf("a file that is written all the time waits %d ms; want 10", got)
	}
	if got := wait(&b, 2500, true); got != 200 {
		t.Errorf("with git's lock it waits %d ms; want 200", got)
	}
	if got := wait(&b, 2600, false); got != 100 {
		t.Errorf("after git's lock it waits %d ms; want 100", got)
	}
	if got := wait(&b, 40_000, true); got > 0 {
		t.Errorf("with a lock that stays it waits %d ms; want none", got)
	}
	if created := b.paths["/a"]; created {
		t.Error("a file that was there has come into being")
	}
}

func TestGitLock(t *testing.T) {
	dir := t.TempDir()
	for path, text := range map[string]string{"a/.git/HEAD": "", "a/x/y/f": "", "b/.git": "gitdir: ../a/.git/worktrees/b\n", "b/x/f": "", "c/.git": "gitdir: /abs\n"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]string{
		"a/x/y": dir + "/a/.git/index.lock", "b/x": dir + "/a/.git/worktrees/b/index.lock", "c": "/abs/index.lock",
	} {
		if got := gitLock(filepath.Join(dir, from)); got != want {
			t.Errorf("%s: %s; want %s", from, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a.go~": true, ".a.go.swp": true, ".#a.go": true, "#a.go#": true, "4913": true, "a.go___jb_tmp___": true, "sedXy12Zq": true,
		"a.go": false, "sedative.go": false, "4914": false, "sedlength": true,
	} {
		if got := isTemporary(name); got != want {
			t.Errorf("isTemporary(%s) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{".git": true, "_x": true, "node_modules": true, "vendor": true, "": true, "a": false, "a_": false} {
		if got := Ignores(name); got != want {
			t.Errorf("Ignores(%q) = %v", name, got)
		}
	}
	if isIgnoredDir("vendor", true) {
		t.Error("a vendor directory below testdata is ignored")
	}
}

func TestHeader(t *testing.T) {
	same := func(a, b string) bool { return string(header([]byte(a))) == string(header([]byte(b))) }
	const source = "//go:build x\n\npackage p\n\nimport \"a\"\n\nfunc f() {}\n"
	if !same(source, strings.Replace(source, "{}", "{ }", 1)) {
		t.Error("a body is part of the header")
	}
	for _, other := range []string{
		strings.Replace(source, "build x", "build y", 1), strings.Replace(source, `"a"`, `"b"`, 1), source + "//go:embed x\n", "package",
	} {
		if same(source, other) {
			t.Errorf("the same header as %q", other)
		}
	}
}
