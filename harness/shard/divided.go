package shard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// A package that several shards have parts of starts and ends once in what is
// merged: where its first part starts and its last one ends, as the worst of them,
// and with the time of all.

// in names a package in a round.
type in struct {
	round   int
	Package string
}

// An end is how a part of a package ended in a file.
type end struct {
	line    []byte // nil if the file has no end
	action  string
	elapsed float64
}

// packageEvent is an event of a package, and of none of its tests.
type packageEvent struct {
	Action, Package, Test string
	Elapsed               float64
}

// packageEventOf reads an event of a package.
func packageEventOf(line []byte) (packageEvent, bool) {
	var e packageEvent
	if bytes.Contains(line, []byte(`"Test":"`)) || !bytes.Contains(line, []byte(`"Package":"`)) {
		return e, false
	}
	ok := json.Unmarshal(line, &e) == nil && e.Test == "" && e.Package != ""
	return e, ok
}

func (e packageEvent) isEnd() bool { return slices.Contains(worse, e.Action) }

// worse are ends, each worse than those before it.
var worse = []string{"skip", "pass", "fail"}

// note keeps what a line says of its package.
func (f *File) note(line []byte, round int) {
	e, ok := packageEventOf(line)
	if !ok {
		return
	}
	if f.ends == nil {
		f.ends = make(map[in]end)
	}
	of := in{round, e.Package}
	if e.isEnd() {
		f.ends[of] = end{bytes.Clone(line), e.Action, e.Elapsed}
	} else if _, known := f.ends[of]; !known {
		f.ends[of] = end{}
	}
}

// A division is what a file has of a package that is divided.
type division struct {
	first, last bool
	end         []byte // in place of the last end; nil if a part has none
}

// divided returns for each file what it has of packages that are divided.
func divided(files []File) []map[in]division {
	all := make([]map[in]division, len(files))
	with := make(map[in][]int)
	for i, f := range files {
		all[i] = make(map[in]division)
		for of := range f.ends {
			with[of] = append(with[of], i)
		}
	}
	for of, parts := range with {
		if len(parts) == 1 {
			continue
		}
		text := together(files, of, parts)
		for n, i := range parts {
			all[i][of] = division{n == 0, n == len(parts)-1, text}
		}
	}
	return all
}

// together returns the end of a divided package, nil if a part has none.
func together(files []File, of in, parts []int) []byte {
	var worst end
	sum := 0.0
	for _, i := range parts {
		e := files[i].ends[of]
		if e.line == nil {
			return nil
		}
		sum += e.elapsed
		if worst.line == nil || slices.Index(worse, e.action) > slices.Index(worse, worst.action) {
			worst = e
		}
	}
	event := make(map[string]any)
	if json.Unmarshal(worst.line, &event) != nil {
		return worst.line
	}
	event["Elapsed"] = sum
	line, err := json.Marshal(event)
	if err != nil {
		return worst.line
	}
	return append(line, '\n')
}

// joined reads events of a round, in which starts and ends of divided packages are
// left out or replaced.
type joined struct {
	lines *bufio.Reader
	round int
	of    map[in]division

	text []byte
	err  error
}

func (j *joined) Read(b []byte) (int, error) {
	for len(j.text) == 0 && j.err == nil {
		j.text, j.err = j.lines.ReadSlice('\n')
		if errors.Is(j.err, bufio.ErrBufferFull) { // no start or end is as long, and the rest of the line is no event
			j.err = nil
			break
		}
		if e, ok := packageEventOf(j.text); ok {
			d, isDivided := j.of[in{j.round, e.Package}]
			switch {
			case isDivided && e.Action == "start" && !d.first, isDivided && e.isEnd() && !d.last:
				j.text = nil
			case isDivided && e.isEnd():
				j.text = d.end
			}
		}
	}
	if len(j.text) == 0 {
		return 0, j.err
	}
	n := copy(b, j.text)
	j.text = j.text[n:]
	return n, nil
}
