package harness

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
)

// programID identifies the program at path by its contents: by Go's build id,
// so that a copy on another machine is the same. A program without one is
// known by its size and the time of its last change. "" is unknown.
func programID(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if id := buildID(f); id != "" {
		return id
	}
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano())
}

// buildID returns the build id that the linker wrote: into a note of an ELF
// file, at the start of the text elsewhere (cmd/internal/buildid). It is "" if
// there is none.
func buildID(f *os.File) string {
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
	_, rest, found := bytes.Cut(start[:n], []byte("\xff Go build ID: \""))
	id, _, ended := bytes.Cut(rest, []byte("\"\n \xff"))
	if !found || !ended {
		return ""
	}
	return string(id)
}
