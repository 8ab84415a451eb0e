package shard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"pgtest/jsonstream/event"
)

// A Mark is what the event file of a shard says of the run: its first line, and
// once more its last, with the exit status. Other readers find an output of a
// build that is no error.
type Mark struct {
	Index, Total int
	// Plan is the Sum of the plan, "" without one.
	Plan   string `json:",omitempty"`
	Commit string `json:",omitempty"`
	// Ended says that the run came to its end, with Status.
	Ended  bool `json:",omitempty"`
	Status int  `json:",omitempty"`
}

// markLine is an event with a Mark.
type markLine struct {
	Action, ImportPath, Output, NoEnd string
	Shard                             Mark
}

const noEnd = "shard"

// Line returns the mark as a line of an event file.
func (m Mark) Line() []byte {
	text := fmt.Sprintf("# shard %d/%d\n", m.Index, m.Total)
	if m.Ended {
		text = fmt.Sprintf("# end of shard %d/%d\n", m.Index, m.Total)
	}
	line, err := json.Marshal(markLine{"build-output", "pgtest", text, noEnd, m})
	if err != nil {
		panic(err) // strings and numbers
	}
	return append(line, '\n')
}

// Head returns the git commit of a directory, "" if it is unknown.
func Head(dir string) string {
	cmd := exec.Command("git", "rev-parse", "HEAD")
	cmd.Dir = dir
	text, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// A File is the event file of a shard.
type File struct {
	Path string
	Mark
	// rounds are where rounds begin, the run itself at 0. The file ends at the
	// last.
	rounds []int64
}

// Scan reads what the event file of a shard says of the run. The error's text is
// the path and the reason.
func Scan(path string) (File, error) {
	f := File{Path: path}
	in, err := os.Open(path)
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, bare(err))
	}
	defer in.Close()
	lines := bufio.NewReaderSize(in, 64<<10)
	var at int64
	round := 1
	f.rounds = []int64{0}
	for {
		line, err := lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if bytes.Contains(line, []byte(`"NoEnd":"`)) && !long {
			var ev markLine
			if json.Unmarshal(line, &ev) == nil {
				if ev.NoEnd == noEnd && (f.Total == 0 || ev.Shard.Ended) {
					f.Mark = ev.Shard
				}
				if n := event.RoundOf(ev.NoEnd); n == round+1 {
					round = n
					f.rounds = append(f.rounds, at)
				}
			}
		}
		at += int64(len(line))
		for long { // no mark is as long
			line, err = lines.ReadSlice('\n')
			long = errors.Is(err, bufio.ErrBufferFull)
			at += int64(len(line))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", path, bare(err))
		}
	}
	f.rounds = append(f.rounds, at)
	if f.Total == 0 {
		return f, fmt.Errorf("%s: no event file of a run with --shard", path)
	}
	return f, nil
}

func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Check returns why files are not all shards of one run, a line each.
func Check(files []File) []string {
	var wrong []string
	first := files[0]
	of := make(map[int][]string)
	for _, f := range files {
		place := fmt.Sprintf("%s: shard %d/%d", f.Path, f.Index, f.Total)
		switch {
		case f.Total != first.Total:
			wrong = append(wrong, fmt.Sprintf("%s, but %s is %d/%d", place, first.Path, first.Index, first.Total))
			continue
		case f.Commit != first.Commit:
			wrong = append(wrong, fmt.Sprintf("%s: of commit %s, but %s of %s", place, short(f.Commit), first.Path, short(first.Commit)))
		case f.Plan != first.Plan:
			wrong = append(wrong, fmt.Sprintf("%s: of another plan than %s", place, first.Path))
		case !f.Ended:
			wrong = append(wrong, place+": the run did not come to its end")
		}
		of[f.Index] = append(of[f.Index], f.Path)
	}
	for i := 1; i <= first.Total; i++ {
		switch paths := of[i]; {
		case len(paths) == 0:
			wrong = append(wrong, fmt.Sprintf("shard %d/%d is missing", i, first.Total))
		case len(paths) > 1:
			wrong = append(wrong, fmt.Sprintf("shard %d/%d is there twice: %s", i, first.Total, strings.Join(paths, ", ")))
		}
	}
	return wrong
}

func short(commit string) string {
	if commit == "" {
		return "unknown"
	}
	return commit[:min(len(commit), 12)]
}

// Merge returns the events of files as those of one run: what ran first in each
// of them, then what ran again. Files are opened when it is their turn.
func Merge(files []File) io.Reader {
	var parts []io.Reader
	for round := 0; ; round++ {
		more := false
		for _, f := range files {
			if round+1 < len(f.rounds) {
				parts = append(parts, &part{path: f.Path, from: f.rounds[round], to: f.rounds[round+1]})
				more = true
			}
		}
		if !more {
			return io.MultiReader(parts...)
		}
	}
}

// part reads a part of a file. It ends a line that was cut off.
type part struct {
	path     string
	from, to int64
	in       *os.File
	r        io.Reader
	cut      bool
}

func (p *part) Read(b []byte) (int, error) {
	if p.r == nil {
		in, err := os.Open(p.path)
		if err != nil {
			return 0, err
		}
		p.in, p.r = in, io.NewSectionReader(in, p.from, p.to-p.from)
	}
	n, err := p.r.Read(b)
	switch {
	case n > 0:
		p.cut = b[n-1] != '\n'
		return n, nil
	case err == io.EOF && p.cut && len(b) > 0:
		b[0], p.cut = '\n', false
		return 1, nil
	case err != nil:
		p.in.Close()
	}
	return n, err
}
