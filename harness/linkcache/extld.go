package linkcache

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/harness/quoted"
)

// The Go linker calls the external linker, a C compiler as a rule, to find
// libgcc and, in external mode, for the link itself. What it read then is not
// part of the go command's action id, so the linker is given a script in its
// place: that starts this program again, which notes what the external linker
// depended on while it does its work.

// A recorder holds the notes of one link.
type recorder struct {
	dir     string // in the go command's work directory
	missing string // the external linker, if it does not exist
}

// interpose returns the words of the link with the script in the external
// linker's place. If the external linker does not exist, the words are the
// command's own.
func interpose(c *command) ([]string, *recorder, error) {
	r := &recorder{dir: filepath.Join(filepath.Dir(c.importcfg), "pgtest-extld")}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(r.notesFile(), nil, 0o666); err != nil {
		return nil, nil, err
	}
	if _, err := exec.LookPath(c.extld[0]); err != nil {
		r.missing = c.extld[0]
		return c.words, r, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	// The linker looks at the program's name: keep it.
	script := filepath.Join(r.dir, filepath.Base(c.extld[0]))
	text := "#!/bin/sh\nexec " + shellQuote(self) + " " + Role + " " + shellQuote(recordOption+r.notesFile()) + " " + shellQuote(c.extld[0]) + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o777); err != nil {
		return nil, nil, err
	}
	value, err := quoted.Join(append([]string{script}, c.extld[1:]...))
	if err != nil {
		return nil, nil, err
	}
	// The last -extld counts; the last word is the main package.
	return slices.Insert(slices.Clone(c.words), len(c.words)-1, "-extld="+value), r, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A note is an input that is not yet described, or, with an empty Kind, says
// that the link can't be cached.
type note struct {
	Kind inputKind
	Name string
}

func (r *recorder) notesFile() string { return filepath.Join(r.dir, "notes.json") }

// used reports whether the external linker was called.
func (r *recorder) used() bool {
	info, err := os.Stat(r.notesFile())
	return err != nil || info.Size() > 0
}

func appendNotes(file string, notes ...note) error {
	var lines []byte
	for _, n := range notes {
		line, err := json.Marshal(n)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(lines)
	return err
}

// inputs describes what the notes name. The error errNotCacheable means that
// the external linker did something that can't be followed.
func (r *recorder) inputs(started time.Time) ([]input, error) {
	data, err := os.ReadFile(r.notesFile())
	if err != nil {
		return nil, err
	}
	var inputs []input
	if r.missing != "" {
		inputs = append(inputs, input{Kind: programInput, Name: r.missing})
	}
	seen := make(map[note]bool)
	for line := range bytes.Lines(data) {
		var n note
		if err := json.Unmarshal(line, &n); err != nil {
			return nil, err
		}
		if n.Kind == "" {
			return nil, errNotCacheable
		}
		if seen[n] {
			continue
		}
		seen[n] = true
		in, err := newInput(n.Kind, n.Name, started)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

// runExtld is the external linker's place: words are the external linker and
// the arguments that the Go linker gave it.
func runExtld(words []string, notes string) int {
	program := note{Kind: programInput, Name: words[0]}
	if err := appendNotes(notes, program); err != nil {
		return replace(words)
	}
	switch object := goObject(words); {
	case object != "":
		return recordLink(words, filepath.Dir(object), notes)
	case slices.ContainsFunc(words, asksForPath):
		return recordAnswer(words, notes)
	case slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "@") }):
		appendNotes(notes, note{})
	}
	return replace(words) // a test whether some flag is known
}

// goObject returns the object file that the Go linker wrote, which is among
// the words of the link itself only.
func goObject(words []string) string {
	i := slices.IndexFunc(words, func(w string) bool { return filepath.Base(w) == "go.o" })
	if i < 0 {
		return ""
	}
	return words[i]
}

// asksForPath finds the flags of findLibPathCmd in cmd/link/internal/ld and
// -print-prog-name.
func asksForPath(word string) bool {
	word = strings.TrimPrefix(word, "-")
	return strings.HasPrefix(word, "-print-libgcc-file-name") || strings.HasPrefix(word, "-print-file-name=") ||
		strings.HasPrefix(word, "-print-prog-name=")
}

// recordAnswer passes on which file the external linker names. The Go linker
// is going to use it.
func recordAnswer(words []string, notes string) int {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	n := note{Kind: fileInput, Name: strings.TrimSpace(string(out))}
	if err != nil || !filepath.IsAbs(n.Name) {
		// Not found: nothing tells what would have to appear where.
		n = note{}
	}
	if appendNotes(notes, n) != nil {
		return replace(words)
	}
	os.Stdout.Write(out)
	return exitStatus(err)
}

func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	default:
		return 1
	}
}

// recordLink links and notes which files were read and which directories were
// searched. work is the Go linker's temporary directory; files in there come
// from the package files. Without --dependency-file (GNU ld from 2.35 on,
// gold, lld and mold have it) the link is done plainly and not cached.
func recordLink(words []string, work, notes string) int {
	if slices.ContainsFunc(words, hasSideEffect) {
		appendNotes(notes, note{})
		return replace(words)
	}
	depfile := notes + ".d"
	cmd := exec.Command(words[0], slices.Concat(words[1:], []string{"-Wl,--dependency-file=" + depfile})...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		appendNotes(notes, note{})
		return replace(words)
	}
	files, err := readDepfile(depfile)
	linkNotes := []note{{}}
	if err == nil {
		linkNotes = append(fileNotes(files, work), searchNotes(words)...)
	}
	if appendNotes(notes, linkNotes...) != nil {
		return replace(words)
	}
	os.Stdout.Write(out)
	return 0
}

// hasSideEffect finds flags that make the external linker write files which
// are not kept.
func hasSideEffect(word string) bool {
	return strings.Contains(word, "-Map") || strings.HasPrefix(word, "-save-temps") ||
		strings.Contains(word, "dependency-file") || strings.HasPrefix(word, "@")
}

// readDepfile returns the prerequisites of the first rule of a makefile as
// linkers write it.
func readDepfile(name string) ([]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	rule, _, _ := strings.Cut(strings.ReplaceAll(string(data), "\\\n", " "), "\n")
	_, prerequisites, ok := strings.Cut(rule, ": ")
	if !ok || strings.ContainsAny(prerequisites, "\\$") {
		return nil, errNotCacheable // names that had to be escaped
	}
	return strings.Fields(prerequisites), nil
}

// fileNotes returns the notes for files that the external linker read. Files
// that are gone were its own, made of others.
func fileNotes(files []string, work string) []note {
	var notes []note
	for _, file := range files {
		if strings.HasPrefix(file, work+string(filepath.Separator)) {
			continue
		}
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if !filepath.IsAbs(file) {
			notes = append(notes, note{Kind: workingInput})
		}
		notes = append(notes, note{Kind: fileInput, Name: file})
	}
	return notes
}

// searchNotes returns the notes for the directories that were searched for
// libraries, and for the linker behind the compiler.
func searchNotes(words []string) []note {
	var notes []note
	dir := func(name string) {
		if !filepath.IsAbs(name) {
			notes = append(notes, note{Kind: workingInput})
		}
		notes = append(notes, note{Kind: directoryInput, Name: filepath.Clean(name)})
	}
	linkers := []string{"ld"}
	for i, word := range words {
		if word == "-L" && i+1 < len(words) {
			dir(words[i+1])
		} else if name, ok := strings.CutPrefix(word, "-L"); ok && name != "" {
			dir(name)
		} else if name, ok := strings.CutPrefix(word, "-fuse-ld="); ok {
			linkers = append(linkers, "ld."+name, name)
		} else if name, ok := strings.CutPrefix(word, "--ld-path="); ok {
			linkers = append(linkers, name)
		}
	}
	for _, name := range filepath.SplitList(os.Getenv("LIBRARY_PATH")) {
		dir(name)
	}
	for _, name := range searchedDirs(words) {
		dir(name)
	}
	for _, name := range linkers {
		if program := askExtld(words, "-print-prog-name="+name); program != "" {
			notes = append(notes, note{Kind: programInput, Name: program})
		}
	}
	return notes
}

// searchedDirs returns the directories that compiler and linker search for
// libraries of their own accord.
func searchedDirs(words []string) []string {
	var dirs []string
	for line := range strings.Lines(askExtld(words, "-print-search-dirs")) {
		if list, ok := strings.CutPrefix(strings.TrimSpace(line), "libraries: ="); ok {
			dirs = append(dirs, filepath.SplitList(list)...)
		}
	}
	// GNU ld prints its script, with SEARCH_DIR("=/usr/lib"); the = stands
	// for the sysroot.
	script, _ := exec.Command(askExtld(words, "-print-prog-name=ld"), "--verbose").Output()
	for _, rest := range strings.Split(string(script), "SEARCH_DIR(\"")[1:] {
		name, _, _ := strings.Cut(rest, "\"")
		dirs = append(dirs, strings.TrimPrefix(name, "="))
	}
	return dirs
}

// askExtld returns the compiler's answer to a -print flag, given the flags of
// the link that decide where it looks. It is empty if there is none.
func askExtld(words []string, flag string) string {
	ask := []string{flag}
	for _, word := range words[1:] {
		for _, prefix := range []string{"-m", "-B", "--sysroot=", "--target=", "--gcc-toolchain="} {
			if strings.HasPrefix(word, prefix) {
				ask = append(ask, word)
			}
		}
	}
	out, err := exec.Command(words[0], ask...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
