package history

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/harness/internal/private"
)

const (
	suffix         = ".pgtest"   // of a run's file, behind its number
	importedSuffix = ".imported" // in front of it, of one that was recorded elsewhere
	tempPrefix     = ".new-"
	rootFile       = "root" // names the directory that a history is about
)

// A Store holds the runs of one module or workspace. Any number of processes may
// use it at once.
type Store struct {
	// MaxRuns, MaxSize and MaxAge bound what is kept, in runs and bytes. Begin
	// removes what is beyond them, oldest first. Open sets the defaults.
	MaxRuns int
	MaxSize int64
	MaxAge  time.Duration
	// Elsewhere, unless nil, is the tree of what Begin records, which ran elsewhere.
	Elsewhere *Tree

	dir, root string
}

// Defaults of a Store's bounds.
const (
	DefaultMaxRuns = 200
	DefaultMaxSize = 256 << 20
	DefaultMaxAge  = 90 * 24 * time.Hour
)

// DefaultDir returns the directory of all histories: below $XDG_STATE_HOME, or
// ~/.local/state. It is an error if there is no home directory.
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // a relative one is to be ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(home) {
			return "", errors.New("$HOME is not an absolute path")
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "pgtest", "history"), nil
}

// Root returns the directory whose history a run in dir belongs to: that of the
// go.work that holds, or of the next go.mod above, or dir itself. gowork is the go
// command's setting GOWORK.
func Root(dir, gowork string) string {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dir
	}
	switch {
	case gowork == "off":
	case gowork != "":
		if work, err := filepath.EvalSymlinks(gowork); err == nil {
			return filepath.Dir(work)
		}
	default:
		if found := above(real, "go.work"); found != "" {
			return found
		}
	}
	return cmp.Or(above(real, "go.mod"), real)
}

// above returns the next directory from dir upwards that has a file, "" for none.
func above(dir, name string) string {
	for {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// OfUser returns the user's history of what Root says. It creates nothing. An error
// means that nobody can tell which runs are there.
func OfUser(dir, gowork string) (*Store, error) {
	all, err := DefaultDir()
	if err != nil {
		return nil, err
	}
	s := Open(all, Root(dir, gowork))
	if _, err := s.entries(); err != nil {
		return nil, err
	}
	return s, nil
}

// Open returns the history of a root in the directory of all histories. It creates
// nothing.
func Open(dir, root string) *Store {
	sum := sha256.Sum256([]byte(root))
	name := fmt.Sprintf("%s-%x", plain(filepath.Base(root)), sum[:6])
	return &Store{MaxRuns: DefaultMaxRuns, MaxSize: DefaultMaxSize, MaxAge: DefaultMaxAge, dir: filepath.Join(dir, name), root: root}
}

// plain is a name of which a shell and a person think nothing.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, name)
	return strings.TrimLeft(name[:min(len(name), 40)], ".-")
}

// Dir returns the directory of the runs, which need not exist.
func (s *Store) Dir() string { return s.dir }

// entry is a file of a run.
type entry struct {
	path     string
	number   int
	imported bool
}

// entries returns the files of runs, newest first.
func (s *Store) entries() ([]entry, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []entry
	for _, n := range names {
		number, ok := strings.CutSuffix(n.Name(), suffix)
		number, imported := strings.CutSuffix(number, importedSuffix)
		if i, err := strconv.Atoi(number); ok && err == nil && i > 0 && strconv.Itoa(i) == number && n.Type().IsRegular() {
			all = append(all, entry{filepath.Join(s.dir, n.Name()), i, imported})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(b.number, a.number) })
	return all, nil
}

// Runs yields the runs, newest first: those that go on, and those that were killed
// with what is whole of them. Files that are damaged are left out.
func (s *Store) Runs() iter.Seq[*Run] {
	return func(yield func(*Run) bool) {
		entries, _ := s.entries()
		for _, e := range entries {
			if run, err := load(context.Background(), e); err == nil && !yield(run) {
				return
			}
		}
	}
}

// ErrNoRun says that there is no such run.
var ErrNoRun = errors.New("no such run")

// Find returns the run of a name: the ID of a run, "last", or -1 for the last one,
// -2 for the one before it. Runs that go on have no name but their ID.
func (s *Store) Find(name string) (*Run, error) {
	if name == "last" {
		name = "-1"
	}
	n, err := strconv.Atoi(name)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q: a run is named by its number, last, or -1, -2 and so on", name)
	}
	if n > 0 {
		entries, err := s.entries()
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.number == n {
				run, err := load(context.Background(), e)
				if err != nil {
					err = fmt.Errorf("run %d: %w", n, err)
				}
				return run, err
			}
		}
		return nil, fmt.Errorf("run %d: %w", n, ErrNoRun)
	}
	for run := range s.Runs() {
		if run.Outcome == Running || run.Imported {
			continue
		}
		if n++; n == 0 {
			return run, nil
		}
	}
	return nil, fmt.Errorf("run %s: %w", name, ErrNoRun)
}

// estimateRuns is how many runs are looked at for Estimates.
const estimateRuns = 20

// Estimates returns how long each package takes, by import path: as long as in the
// latest run that ran it uncached and to its end, and all of its tests rather than
// some.
func (s *Store) Estimates() map[string]time.Duration {
	times, narrow := make(map[string]time.Duration), make(map[string]time.Duration)
	n := 0
	for run := range s.Runs() {
		if run.Imported || run.Outcome == Running {
			continue
		}
		if n++; n > estimateRuns {
			break
		}
		to := times
		if len(run.Narrow) > 0 || run.Outstanding {
			to = narrow
		}
		for _, p := range run.Packages {
			ran := !p.Cached && !p.Rest && p.Elapsed > 0
			if _, known := to[p.Path]; ran && !known {
				to[p.Path] = p.Elapsed
			}
		}
	}
	for path, d := range narrow {
		if _, known := times[path]; !known {
			times[path] = d
		}
	}
	return times
}

// record is the file of a run that is being recorded. A lock on it says so.
type record struct {
	file   *os.File
	path   string
	beside steps
	cancel context.CancelFunc // ends what goes on beside
	tree   chan struct{}      // closed when git has answered
	tidied chan []string      // what there is to say about files of other runs
}

// open makes the directory of the runs, and returns the store with its path.
func (s *Store) open() (*Store, error) {
	dir, err := private.OpenDir(s.dir)
	if err != nil {
		return nil, err
	}
	opened := *s
	opened.dir = dir
	name := filepath.Join(dir, rootFile)
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		err = os.WriteFile(name, []byte(s.root+"\n"), 0o600)
		return &opened, err
	}
	return &opened, nil
}

// create makes a file that is locked and has no number yet, with a header.
func (s *Store) create(header []byte) (*os.File, error) {
	f, err := os.CreateTemp(s.dir, tempPrefix) // mode 0600
	if err != nil {
		return nil, err
	}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		_, err = f.Write(header)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, fmt.Errorf("%s: %w", s.dir, reason(err))
	}
	return f, nil
}

// reason is an error without the name of a file that is no more.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// number gives a file the number behind that of the newest run.
func (s *Store) number(f *os.File, imported bool) (entry, error) {
	entries, err := s.entries()
	if err != nil {
		return entry{}, err
	}
	e := entry{number: 1, imported: imported}
	if len(entries) > 0 {
		e.number = entries[0].number + 1
	}
	for ; ; e.number++ {
		// A link is not made where there is a file. Both names of one number are
		// taken, so that no two runs have the same.
		name := strconv.Itoa(e.number)
		other := filepath.Join(s.dir, name+suffix)
		e.path = other
		if imported {
			e.path = filepath.Join(s.dir, name+importedSuffix+suffix)
		} else {
			other = filepath.Join(s.dir, name+importedSuffix+suffix)
		}
		if _, err := os.Lstat(other); err == nil {
			continue
		}
		err := os.Link(f.Name(), e.path)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			os.Remove(f.Name())
		}
		return e, err
	}
}

// Begin starts recording a run. Beside it, it asks git for the tree of the root,
// removes what is beyond the store's bounds, and completes what killed runs have
// left; all of that ends with the Recorder. An error says why there can be no
// history; the run can go on without one.
func (s *Store) Begin(h Header) (*Recorder, error) {
	header, slot, err := encodeHeader(h, Tree{})
	if s.Elsewhere != nil {
		header, _, err = encodeHeader(h, *s.Elsewhere)
	}
	if err != nil {
		return nil, err
	}
	if s, err = s.open(); err != nil {
		return nil, err
	}
	f, err := s.create(header)
	if err != nil {
		return nil, err
	}
	e, err := s.number(f, s.Elsewhere != nil)
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	beside := steps{ctx, make(chan struct{}, 1)}
	rec := &record{file: f, path: e.path, beside: beside, cancel: cancel, tree: make(chan struct{}), tidied: make(chan []string, 1)}
	go func() {
		defer close(rec.tree)
		if s.Elsewhere != nil {
			return
		}
		if text := encodeTree(treeOf(ctx, s.root)); text != nil {
			f.WriteAt(text, slot)
		}
	}()
	go func() { rec.tidied <- s.tidy(beside) }()
	r := newRecorder(f)
	r.record = rec
	return r, nil
}

// besidePatience is how long the end of a run waits for what goes on beside it and
// does not get on: git has less.
const besidePatience = gitPatience + time.Second

// close ends the recording of a run, whose file stays or goes, and returns what
// there is to say about files of other runs.
func (r *record) close(keep bool) []string {
	var lines []string
	stuck := time.NewTimer(besidePatience)
	defer stuck.Stop()
	for tree, tidied := r.tree, r.tidied; tree != nil || tidied != nil; {
		select {
		case <-tree:
			tree = nil
		case lines = <-tidied:
			tidied = nil
		case <-r.beside.asked:
			stuck.Reset(besidePatience)
		case <-stuck.C:
			tree, tidied = nil, nil
		}
	}
	r.cancel()
	if !keep {
		os.Remove(r.path)
	}
	r.file.Close()
	return lines
}

// steps is the context of work that asks it at each step whether to go on, and so
// shows that it gets on.
type steps struct {
	context.Context
	asked chan struct{} // holds one
}

func (s steps) Err() error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return s.Context.Err()
}

// openPlain opens a regular file of the user's.
func openPlain(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || !private.Owns(info) {
		f.Close()
		return nil, errDamaged
	}
	return f, nil
}

// Import adds a run that was recorded elsewhere, from what [Run.Export] wrote or
// from an event file, compressed or not. It returns the run's ID.
func (s *Store) Import(from *os.File) (string, error) {
	run, err := OpenFile(from)
	if err != nil {
		return "", err
	}
	if s, err = s.open(); err != nil {
		return "", err
	}
	f, err := s.create(run.memory)
	if err != nil {
		return "", err
	}
	defer f.Close()
	e, err := s.number(f, true)
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return strconv.Itoa(e.number), nil
}
