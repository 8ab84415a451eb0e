package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"pgtest/jsonstream/genstream"
)

// formats compares how long pgtest and gotestsum take to format a recorded stream
// of 1,000,400 events, each as a process that reads the stream from cat.
func (b *bench) formats() error {
	gotestsum, err := b.gotestsum()
	if err != nil {
		return err
	}
	stream := filepath.Join(b.dir, "stream.json")
	if err := writeStream(stream, func(w io.Writer) error { return genstream.Write(w, genstream.Million) }); err != nil {
		return err
	}
	for _, f := range []struct{ kind, format string }{
		{"a format", "pkgname"},
		{"a format", "pkgname-and-test-fails"},
		{"a format", "testname"},
		{"a format", "testdox"},
		{"a format", "dots"},
		{"a format", "none"},
		{"a standard format", "standard-quiet"},
		{"a standard format", "standard-verbose"},
		{"a standard format", "standard-json"},
	} {
		for _, junit := range []bool{false, true} {
			peer, ours, err := compare(min(b.rounds, 3), b.reading(gotestsum, f.format, junit, stream), b.reading(b.pgtest, f.format, junit, stream))
			if err != nil {
				return err
			}
			if junit {
				b.table.ratio("a million events, "+f.format+", JUnit", "a format with JUnit", peer, ours)
			} else {
				b.table.ratio("a million events, "+f.format, f.kind, peer, ours)
			}
		}
	}
	return nil
}

// large measures the memory that a failing test with much output takes.
func (b *bench) large() error {
	stream := filepath.Join(b.dir, "large.json")
	if err := writeStream(stream, func(w io.Writer) error { return genstream.Fail(w, b.largeSize) }); err != nil {
		return err
	}
	defer os.Remove(stream)
	ours, err := b.reading(b.pgtest, "pkgname", true, stream).run()
	if err != nil {
		return err
	}
	b.table.ratio(fmt.Sprintf("a failing test that prints %d MB, JUnit", b.largeSize>>20), "a test that prints much", cost{}, ours)
	return nil
}

// line compares a failing test whose output is one line with one that prints the
// same bytes in lines of a kilobyte.
func (b *bench) line() error {
	const size = 100 << 20
	lines, one := filepath.Join(b.dir, "lines.json"), filepath.Join(b.dir, "line.json")
	if err := writeStream(lines, func(w io.Writer) error { return genstream.Fail(w, size) }); err != nil {
		return err
	}
	stream, err := os.ReadFile(lines)
	if err != nil {
		return err
	}
	if err := os.WriteFile(one, bytes.ReplaceAll(stream, []byte(`012345678\n"`), []byte(`012345678"`)), 0o666); err != nil {
		return err
	}
	for _, format := range []string{"pkgname", "standard-verbose"} {
		many, single, err := compare(min(b.rounds, 3), b.reading(b.pgtest, format, true, lines), b.reading(b.pgtest, format, true, one))
		if err != nil {
			return err
		}
		b.table.ratio("one line of 100 MB against many, "+format, "one line of 100 MB", many, single)
	}
	return nil
}

// reading returns the command that formats a stream.
func (b *bench) reading(program, format string, junit bool, stream string) command {
	words := []string{program, "--format", format}
	if junit {
		words = append(words, "--junitfile", filepath.Join(b.dir, "junit.xml"))
	}
	return command{words: append(words, "--raw-command", "--", "cat", stream), env: []string{"GITHUB_ACTIONS="}}
}

func writeStream(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}
