package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"pgtest/harness/reach"
)

// A Burst is what changed at about the same time.
type Burst struct {
	Changes []reach.Change
	// Lost says that the system could not tell all changes.
	Lost bool
}

func (b Burst) empty() bool { return len(b.Changes) == 0 && !b.Lost }

// A Watcher notices changes in directories. On Linux it needs one descriptor for
// any number of files; where the system has kqueue, one for each file.
type Watcher struct {
	// Bursts delivers the changes. What nobody receives yet becomes one Burst.
	// Problems delivers what can't be watched from now on, each reason once.
	Bursts   chan Burst
	Problems chan error

	fs     *fsnotify.Watcher
	orders chan order
	closed chan struct{} // closed by Close
	ended  chan struct{} // closed when the goroutine has ended

	// Of the goroutine alone.
	graph  *reach.Graph
	nested bool
	lock   string // gitLock
	// dirs has the directories that are watched by their true paths, and the
	// paths by which the packages know each: symbolic links may lead to it.
	dirs  map[string]map[string]area
	links map[string][]string // files that symbolic links of packages lead to, by their true paths
	files int                 // in all directories, where each needs a descriptor
	room  int                 // how many descriptors there may be, 0 for any number
	known contents
	burst burst

	ready    Burst
	problems []error
	said     map[string]bool
}

// An area says what a watched directory is.
type area int

const (
	single   area = iota // the directory of a package, and no other
	tree                 // one that holds packages, with all below it
	testdata             // testdata, or below it
)

type order struct {
	graph *reach.Graph
	trees []string
	done  chan followed
}

type followed struct {
	dirs int
	err  error
}

// New returns a Watcher that watches nothing yet. nested has it look into
// modules inside other modules, too.
func New(nested bool) (*Watcher, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, explain(err, "")
	}
	w := &Watcher{
		Bursts: make(chan Burst), Problems: make(chan error),
		fs: fs, orders: make(chan order), closed: make(chan struct{}), ended: make(chan struct{}),
		nested: nested, dirs: make(map[string]map[string]area), links: make(map[string][]string),
		room: descriptors(), known: make(contents), said: make(map[string]bool),
	}
	go w.run()
	return w, nil
}

// Close ends the Watcher.
func (w *Watcher) Close() {
	close(w.closed)
	<-w.ended
	w.fs.Close()
}

// Watch has the Watcher watch the packages of a graph, and all directories below
// trees. It returns how many directories it watches, and an error if there are
// more than it can.
func (w *Watcher) Watch(g *reach.Graph, trees []string) (int, error) {
	o := order{g, trees, make(chan followed, 1)}
	select {
	case w.orders <- o:
	case <-w.ended:
		return 0, fs.ErrClosed
	}
	f := <-o.done
	return f.dirs, f.err
}

func (w *Watcher) run() {
	defer close(w.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var quiet <-chan time.Time
		var bursts chan<- Burst
		var problems chan<- error
		if !w.burst.empty() {
			timer.Reset(w.burst.wait(time.Now(), w.locked()))
			quiet = timer.C
		}
		if !w.ready.empty() {
			bursts = w.Bursts
		}
		if len(w.problems) > 0 {
			problems = w.Problems
		}
		select {
		case <-w.closed:
			return
		case o := <-w.orders:
			err := w.follow(o)
			o.done <- followed{len(w.dirs), err}
		case e := <-w.fs.Events:
			w.event(e, time.Now())
		case err := <-w.fs.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.burst.lose(time.Now())
			} else {
				w.problem(err)
			}
		case <-quiet:
			select {
			case e := <-w.fs.Events: // it waits, too
				w.event(e, time.Now())
			default:
				if w.burst.wait(time.Now(), w.locked()) <= 0 {
					w.collect()
				}
			}
		case bursts <- w.ready:
			w.ready = Burst{}
		case problems <- first(w.problems):
			w.problems = w.problems[1:]
		}
	}
}

func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

func (w *Watcher) locked() bool {
	if w.lock == "" {
		return false
	}
	_, err := os.Stat(w.lock)
	return err == nil
}

// collect ends the burst. What is different is ready to be received, together
// with what was not received yet.
func (w *Watcher) collect() {
	w.ready.Lost = w.ready.Lost || w.burst.lost
	for path, fresh := range w.burst.paths {
		c, changed := w.known.change(path, fresh)
		if !changed {
			continue
		}
		w.ready.Changes = slices.DeleteFunc(w.ready.Changes, func(was reach.Change) bool {
			if was.Path != path {
				return false
			}
			c.Header, c.New = c.Header || was.Header, was.New
			return true
		})
		w.ready.Changes = append(w.ready.Changes, c)
	}
	slices.SortFunc(w.ready.Changes, func(x, y reach.Change) int { return strings.Compare(x.Path, y.Path) })
	w.burst = burst{}
}

// problem tells the user, once, why something is not watched.
func (w *Watcher) problem(err error) {
	if err != nil && !w.said[err.Error()] {
		w.said[err.Error()] = true
		w.problems = append(w.problems, err)
	}
}

// follow carries out an order.
func (w *Watcher) follow(o order) error {
	w.graph = o.graph
	for _, root := range o.trees {
		if w.lock == "" {
			w.lock = gitLock(root)
		}
		if err := w.addTree(root, tree, false); err != nil {
			return err
		}
	}
	for _, p := range o.graph.Packages() {
		if w.lock == "" {
			w.lock = gitLock(p.Dir)
		}
		if err := w.addPackage(p); err != nil {
			return err
		}
	}
	for _, dir := range o.graph.Modules() {
		if err := w.add(dir, single); err != nil {
			return err
		}
	}
	return nil
}

// addPackage watches the directory of a package, its testdata, and where it has
// embedded files, whatever the directories are called.
func (w *Watcher) addPackage(p *reach.Package) error {
	if err := w.add(p.Dir, single); err != nil {
		return err
	}
	if p.Chosen {
		if err := w.addTree(filepath.Join(p.Dir, "testdata"), testdata, false); err != nil {
			return err
		}
	}
	for _, file := range p.Embedded() {
		if err := w.add(filepath.Dir(file), single); err != nil {
			return err
		}
	}
	return nil
}

// addTree watches a directory and those below it. With report, the files in them
// have come into being.
func (w *Watcher) addTree(dir string, in area, report bool) error {
	if filepath.Base(dir) == "testdata" {
		in = testdata
	}
	if in == tree && !w.nested && !slices.Contains(w.graph.Modules(), dir) && isModule(dir) {
		return nil
	}
	if err := w.add(dir, in); err != nil {
		return err
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir(), in == testdata && e.Type()&fs.ModeSymlink != 0 && isDir(path) && !w.loops(path):
			if isIgnoredDir(e.Name(), in == testdata) {
				continue
			}
			if err := w.addTree(path, in, report); err != nil {
				return err
			}
		case report && w.matters(path):
			w.burst.add(path, true, time.Now())
		}
	}
	return nil
}

// matters reports whether a change of a path may call for tests.
func (w *Watcher) matters(path string) bool {
	return !isTemporary(filepath.Base(path)) && w.graph.Matters(path)
}

// isModule reports whether a directory is a module's.
func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// loops reports whether a symbolic link leads to a directory that holds it.
func (w *Watcher) loops(link string) bool {
	target, err := filepath.EvalSymlinks(link)
	from, err2 := filepath.EvalSymlinks(filepath.Dir(link))
	return err != nil || err2 != nil || strings.HasPrefix(from+"/", target+"/")
}

// add watches a directory, or does nothing if there is none. The kernel knows a
// directory by what it is, not by its name: it is watched by its true path, once.
func (w *Watcher) add(dir string, in area) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || !isDir(real) {
		return nil
	}
	if was, known := w.dirs[real][dir]; known && was >= in {
		return nil
	}
	if w.dirs[real] == nil {
		if err := w.watch(real); err != nil {
			return explain(err, dir)
		}
		w.dirs[real] = make(map[string]area)
	}
	w.dirs[real][dir] = in
	return w.addLinks(dir)
}

// watch starts to watch a directory.
func (w *Watcher) watch(dir string) error {
	if w.room > 0 {
		names, err := os.ReadDir(dir)
		if err != nil {
			return nil
		}
		if w.files+len(names)+1 > w.room {
			return errRoom
		}
		w.files += len(names) + 1
	}
	err := w.fs.Add(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// addLinks watches where the symbolic links of a directory lead that are files
// of packages: the kernel tells of a change in the target's directory only.
func (w *Watcher) addLinks(dir string) error {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type()&fs.ModeSymlink == 0 || !w.matters(path) {
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || isDir(real) || slices.Contains(w.links[real], path) {
			continue
		}
		w.links[real] = append(w.links[real], path)
		if w.dirs[filepath.Dir(real)] != nil {
			continue
		}
		if err := w.watch(filepath.Dir(real)); err != nil {
			return explain(err, filepath.Dir(real))
		}
		w.dirs[filepath.Dir(real)] = make(map[string]area)
	}
	return nil
}

// event takes an event of the file system in.
func (w *Watcher) event(e fsnotify.Event, now time.Time) {
	if e.Name == "" || e.Op == fsnotify.Chmod || w.graph == nil {
		return
	}
	base := filepath.Base(e.Name)
	for dir, in := range w.dirs[filepath.Dir(e.Name)] {
		w.entry(filepath.Join(dir, base), in, e, now)
	}
	for _, path := range w.links[e.Name] {
		w.burst.add(path, false, now)
	}
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		w.forget(e.Name, now)
	}
}

// entry takes in an event of a file or directory in a watched directory.
func (w *Watcher) entry(path string, in area, e fsnotify.Event, now time.Time) {
	if e.Has(fsnotify.Create) {
		info, err := os.Lstat(path)
		link := err == nil && info.Mode()&fs.ModeSymlink != 0
		if err == nil && (info.IsDir() || link && in == testdata && isDir(path) && !w.loops(path)) {
			if in == single && filepath.Base(path) != "testdata" || isIgnoredDir(filepath.Base(path), in == testdata) {
				return
			}
			w.problem(w.addTree(path, in, true))
			return
		}
		if link {
			w.problem(w.addLinks(filepath.Dir(path)))
		}
	}
	if w.matters(path) {
		w.burst.add(path, e.Has(fsnotify.Create), now)
	}
}

// forget stops watching a directory that has another name now, or none, with all
// below it. A new one of its name is another directory.
func (w *Watcher) forget(dir string, now time.Time) {
	for real, paths := range w.dirs {
		if real != dir && !strings.HasPrefix(real, dir+"/") {
			continue
		}
		w.fs.Remove(real) // fails if it is gone
		delete(w.dirs, real)
		for path := range paths {
			if w.matters(path) {
				w.burst.add(path, false, now)
			}
		}
	}
}

// errRoom says that there are more files than descriptors.
var errRoom = errors.New("no descriptors left")

// explain says what a user can do about a limit of the system.
func explain(err error, dir string) error {
	switch {
	case errors.Is(err, errRoom):
		return fmt.Errorf("%s: this system needs a descriptor for each file in a watched directory, and there are more files than ulimit -n allows; raise it, or name fewer packages", dir)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: more directories than inotify may watch; raise it with sysctl fs.inotify.max_user_watches=524288, or name fewer packages", dir)
	case errors.Is(err, syscall.EMFILE) && dir == "":
		return errors.New("more programs of this user watch files than inotify allows; raise it with sysctl fs.inotify.max_user_instances=512, or end some")
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%s: no descriptors left (ulimit -n)", dir)
	}
	return fmt.Errorf("%s: %w", dir, err)
}
