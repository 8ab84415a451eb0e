package shard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"strings"

	"pgtest/jsonstream/event"
	"pgtest/jsonstream/eventfile"
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

// A File tells of a shard: an event file, which may be compressed with zstd(1), a
// run that was exported from the history, or a JUnit report.
type File struct {
	Path string
	Mark
	// rounds are where rounds begin in the events, the run itself at 0. The events
	// end at the last. Of a report they are counted.
	rounds   []int64
	isReport bool
	ends     map[in]end
}

// Scan reads what the file of a shard says of the run. The error's text is the
// path and the reason.
func Scan(path string) (File, error) {
	f := File{Path: path}
	in, err := eventfile.Open(path)
	if err == nil {
		err = f.scan(in)
		in.Close()
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, bare(err))
	}
	return f, err
}

// scan reads the file.
func (f *File) scan(in io.Reader) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	start, err := lines.Peek(1)
	switch {
	case err != nil && err != io.EOF:
		return err
	case bytes.Equal(start, []byte("<")):
		f.isReport = true
		return f.scanReport(lines)
	}
	return f.scanEvents(lines)
}

func (f *File) scanReport(in io.Reader) error {
	all, mark, err := readReport(in)
	if err != nil {
		return err
	}
	f.Mark = mark
	f.rounds = make([]int64, all.rounds()+1)
	for round := range all.rounds() {
		for line := range bytes.Lines(all.events(round)) {
			f.note(line, round)
		}
	}
	return nil
}

func (f *File) scanEvents(lines *bufio.Reader) error {
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
		if !long {
			f.note(line, round-1)
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
			return err
		}
	}
	f.rounds = append(f.rounds, at)
	if f.Total == 0 {
		return errors.New("no event file of a run with --shard")
	}
	return nil
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
	packages := divided(files)
	for round := 0; ; round++ {
		more := false
		for i, f := range files {
			if round+1 < len(f.rounds) {
				p := io.Reader(&part{file: f, round: round})
				if len(packages[i]) > 0 {
					p = &joined{lines: bufio.NewReader(p), round: round, of: packages[i]}
				}
				parts = append(parts, p)
				more = true
			}
		}
		if !more {
			return io.MultiReader(parts...)
		}
	}
}

// part reads a round of a file. It ends a line that was cut off.
type part struct {
	file  File
	round int
	in    io.Closer
	r     io.Reader
	cut   bool
}

func (p *part) start() error {
	in, err := eventfile.Open(p.file.Path)
	if err != nil {
		return err
	}
	p.in = in
	if p.file.isReport {
		all, _, err := readReport(bufio.NewReader(in))
		p.r = bytes.NewReader(all.events(p.round))
		return err
	}
	from, to := p.file.rounds[p.round], p.file.rounds[p.round+1]
	if at, ok := in.(io.Seeker); ok {
		_, err = at.Seek(from, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, in, from)
	}
	p.r = io.LimitReader(in, to-from)
	return err
}

func (p *part) Read(b []byte) (int, error) {
	if p.r == nil {
		if err := p.start(); err != nil {
			return 0, err
		}
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
