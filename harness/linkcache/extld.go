package linkcache

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/linkcache/toolexec"
)

// The Go linker calls the external linker, usually a C compiler, to find libgcc
// and, in external mode, for the link itself. What the external linker reads is
// not part of the go command's action id. So the Go linker is given a script in
// its place. The script starts this program again, which runs the external
// linker and notes what it was asked for. known.go decides whether such a link
// can be cached.

// A recorder holds the notes on the external linker's calls in one link: an empty
// line when a call begins, and the call when it has ended.
type recorder struct {
	dir     string // for this link alone, in the go command's work directory
	missing string // the external linker, if it does not exist
}

const notesName = "notes.json"

func (r *recorder) notes() string { return filepath.Join(r.dir, notesName) }

// interpose returns the words of the link with the script in place of the
// external linker. If the external linker does not exist, it returns the
// command's own words.
func interpose(c *command) ([]string, *recorder, error) {
	r := &recorder{dir: filepath.Join(filepath.Dir(c.importcfg), "pgtest-extld")}
	if err := os.MkdirAll(r.dir, 0o777); err != nil {
		return nil, nil, err
	}
	if err := os.WriteFile(r.notes(), nil, 0o666); err != nil {
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
	// Keep the program's name, which the linker examines.
	script := filepath.Join(r.dir, filepath.Base(c.extld[0]))
	text := "#!/bin/sh\nexec " + shellQuote(self) + " " + Role
	for _, word := range (toolexec.Command{Record: r.notes(), Words: c.extld[:1]}).Args() {
		text += " " + shellQuote(word)
	}
	text += " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o777); err != nil {
		return nil, nil, err
	}
	value, err := gotest.JoinQuoted(append([]string{script}, c.extld[1:]...))
	if err != nil {
		return nil, nil, err
	}
	// The last -extld counts; the last word is the main package.
	return slices.Insert(slices.Clone(c.words), len(c.words)-1, "-extld="+value), r, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A call is one start of the external linker.
type call struct {
	Words  []string     // the external linker and its arguments
	Files  []string     // what it read, or named as an answer
	Reason notCacheable // if this alone makes the link one that can't be cached
}

// used reports whether the external linker was called.
func (r *recorder) used() bool {
	info, err := os.Stat(r.notes())
	return err != nil || info.Size() > 0
}

// forbid keeps the external linker from being called from now on. It reports
// false, and changes nothing, if that has been called already.
func (r *recorder) forbid() bool {
	allowed := r.dir
	r.dir += "-forbidden"
	if os.Rename(allowed, r.dir) == nil && !r.used() {
		return true
	}
	os.Rename(r.dir, allowed)
	r.dir = allowed
	return false
}

// begin notes that a call begins. An error means that it must not.
func begin(notes string) error {
	if err := appendNote(notes, nil); err != nil {
		return err
	}
	_, err := os.Stat(notes) // or it was forbidden before the note was there
	return err
}

// appendNote appends a line to the notes.
func appendNote(notes string, line []byte) error {
	f, err := os.OpenFile(notes, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}

const errNotes notCacheable = "a call of the external linker that is not described"

// inputs returns what the link depended on besides the key.
func (r *recorder) inputs(started time.Time) ([]input, error) {
	data, err := os.ReadFile(r.notes())
	if err != nil {
		return nil, err
	}
	if r.missing != "" {
		return []input{{Kind: programInput, Name: r.missing}}, nil
	}
	var calls []call
	begun := 0
	for line := range bytes.Lines(data) {
		if len(line) == 1 {
			begun++
			continue
		}
		var c call
		if err := json.Unmarshal(line, &c); err != nil {
			return nil, err
		}
		if c.Reason != "" {
			return nil, c.Reason
		}
		calls = append(calls, c)
	}
	if len(calls) != begun {
		return nil, errNotes
	}
	if begun == 0 {
		return nil, nil
	}
	return externalInputs(calls, started)
}

// runExtld runs in place of the external linker. words are the external linker
// and the arguments that the Go linker gave it. If they are not all known to be
// safe, or anything goes wrong, runExtld runs the external linker unobserved.
// Without a note that it begins it does nothing.
func runExtld(words []string, notes string) int {
	if err := begin(notes); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	c := call{Words: words}
	out, err := c.observe(notes + ".d")
	if err != nil && err != errTrial {
		c.Reason = notCacheable(err.Error())
	}
	if line, err := json.Marshal(c); err == nil {
		appendNote(notes, line)
	}
	if err != nil {
		return replace(words)
	}
	os.Stdout.Write(out)
	return 0
}

// errTrial means that the Go linker only tries whether some flag is known.
var errTrial = errors.New("a trial of a flag")

// observe carries out the call and returns what the external linker printed.
func (c *call) observe(depfile string) ([]byte, error) {
	if err := checkWords(c.Words); err != nil {
		return nil, err
	}
	object := slices.IndexFunc(c.Words, func(w string) bool { return filepath.Base(w) == "go.o" })
	switch {
	case object >= 0:
		return c.link(filepath.Dir(c.Words[object]), depfile)
	case slices.ContainsFunc(c.Words, asksForPath):
		return c.ask()
	}
	return nil, errTrial
}

// asksForPath recognizes the flags of findLibPathCmd in cmd/link/internal/ld.
func asksForPath(word string) bool {
	word = strings.TrimPrefix(word, "-")
	return strings.HasPrefix(word, "-print-libgcc-file-name") || strings.HasPrefix(word, "-print-file-name=")
}

// ask asks the external linker for the path of a file, which the Go linker is
// going to use.
func (c *call) ask() ([]byte, error) {
	out, err := exec.Command(c.Words[0], c.Words[1:]...).Output()
	c.Files = []string{strings.TrimSpace(string(out))}
	if err == nil && !filepath.IsAbs(c.Files[0]) {
		// It is not known where the file would have to appear.
		err = notCacheable("the C compiler does not find " + c.Files[0])
	}
	return out, err
}

// link links and notes which files were read. Files in work, the Go linker's
// temporary directory, are left out: they are made from the package files.
func (c *call) link(work, depfile string) ([]byte, error) {
	cmd := exec.Command(c.Words[0], slices.Concat(c.Words[1:], []string{"-Wl,--dependency-file=" + depfile})...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, linkFailed
	}
	files, err := readDepfile(depfile)
	for _, file := range files {
		if filepath.Dir(file) != work {
			c.Files = append(c.Files, file)
		} else if object, readErr := os.ReadFile(file); filepath.Base(file) != "go.o" && err == nil {
			err = cmp.Or(readErr, checkObject("an object of cgo", object))
		}
	}
	return out, err
}

// readDepfile returns the prerequisites of the first rule of a makefile as
// linkers write it.
func readDepfile(name string) ([]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, errors.New("the C linker does not tell what it reads")
	}
	rule, _, _ := strings.Cut(strings.ReplaceAll(string(data), "\\\n", " "), "\n")
	_, prerequisites, ok := strings.Cut(rule, ": ")
	if !ok || strings.ContainsAny(prerequisites, "\\$") {
		return nil, notCacheable("an unusual name of a library")
	}
	return strings.Fields(prerequisites), nil
}
