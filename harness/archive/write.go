package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/internal/tarfile"
)

// window is how far back the compression looks. Test binaries have most of their
// code in common, so it is larger than several of them; unpacking needs as much
// memory.
const window = 32 << 20

// A Writer collects what goes into an archive.
type Writer struct {
	files []source
	taken map[string]bool
	size  int64
}

// A source is an entry, and the file that it is made of.
type source struct {
	entry
	path string
}

// Add adds a file, or a symbolic link that stays as it is. A name that was added
// before is ignored.
func (w *Writer) Add(name, path string) error {
	if w.taken[name] {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, bare(err))
	}
	s := source{entry{name: name, mode: info.Mode().Perm()}, path}
	switch {
	case info.Mode().Type() == os.ModeSymlink:
		if s.link, err = os.Readlink(path); err != nil {
			return fmt.Errorf("%s: %w", path, bare(err))
		}
		s.mode = 0o777
	case info.Mode().IsRegular():
		s.size = info.Size()
	default:
		return fmt.Errorf("%s: neither a file nor a link", path)
	}
	if w.taken == nil {
		w.taken = make(map[string]bool)
	}
	w.taken[name] = true
	w.files = append(w.files, s)
	w.size += s.size
	return nil
}

// Write writes the archive, with the numbers of entries and bytes in the header. Its
// error is that of to, names a file that can't be read, or is ctx's soon after that
// is done.
func (w *Writer) Write(ctx context.Context, to io.Writer, h *Header) error {
	h.Format, h.Entries, h.Size = Format, len(w.files), w.size
	text, err := h.encode()
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(to, zstd.WithWindowSize(window), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
	if err != nil {
		return err
	}
	defer z.Close()
	sum, t := newSummer(), tarfile.NewWriter(z)
	put := func(e entry, content io.Reader) error {
		header := tarfile.Header{Name: e.name, Link: e.link, Mode: int64(e.mode), Size: e.size, Type: tarfile.Regular}
		if e.link != "" {
			header.Type = tarfile.Symlink
		}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		sum.add(e)
		n, err := io.Copy(io.MultiWriter(t, sum), io.LimitReader(until{ctx, content}, e.size))
		if err == nil && n < e.size {
			err = fmt.Errorf("%s: it became shorter", e.name)
		}
		return err
	}
	if err := put(entry{name: headerName, mode: 0o444, size: int64(len(text))}, bytes.NewReader(text)); err != nil {
		return err
	}
	for _, s := range w.files {
		if err := s.copy(put); err != nil {
			return err
		}
	}
	last := sum.text()
	if err := put(entry{name: sumName, mode: 0o444, size: int64(len(last))}, bytes.NewReader(last)); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func (s source) copy(put func(entry, io.Reader) error) error {
	if s.link != "" {
		return put(s.entry, bytes.NewReader(nil))
	}
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, bare(err))
	}
	defer f.Close()
	return put(s.entry, f)
}

// Outside reports whether a link that stands at name leads out of the archive, as
// far as its text tells.
func Outside(name, link string) bool {
	return path.IsAbs(link) || !filepath.IsLocal(path.Join(path.Dir(name), link))
}

// until reads until its context is done. A file may be larger than what can be
// read before somebody loses patience.
type until struct {
	context.Context
	from io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.Err(); err != nil {
		return 0, err
	}
	return u.from.Read(p)
}
