// Package buildid identifies programs by their contents: by the build id that
// Go's linker wrote, so that a copy on another machine is the same program.
package buildid

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
)

// Of returns the build id of the program at path. A program without one is
// known by its size and the time of its last change.
func Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if id := read(f); id != "" {
		return id, nil
	}
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano()), nil
}

// read returns the build id, which stands in a note of an ELF file, at the
// start of the text elsewhere (cmd/internal/buildid), or "".
func read(f *os.File) string {
	if e, err := elf.NewFile(f); err == nil {
		note := e.Section(".note.go.buildid")
		if note == nil {
			return ""
		}
		data, err := note.Data()
		const header = 16 // three words, and the name: Go and two NULs
		if err != nil || len(data) < header {
			return ""
		}
		size := int(e.ByteOrder.Uint32(data[4:]))
		if size < 0 || size > len(data)-header {
			return ""
		}
		return string(data[header : header+size])
	}
	start := make([]byte, 32<<10)
	n, _ := io.ReadFull(io.NewSectionReader(f, 0, int64(len(start))), start)
	_, rest, _ := bytes.Cut(start[:n], []byte("\xff Go build ID: \""))
	id, _, ended := bytes.Cut(rest, []byte("\"\n \xff"))
	if !ended {
		return ""
	}
	return string(id)
}
