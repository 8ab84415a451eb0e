package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/internal/tarfile"
)

// maxRatio is by how much an archive may shrink its content, above freeSize: test
// binaries shrink to a tenth.
const (
	maxRatio = 1000
	freeSize = 1 << 30
)

// A reader reads the entries of an archive.
type reader struct {
	file *os.File
	zstd *zstd.Decoder
	tar  *tarfile.Reader
	sum  summer
	left int64 // bytes of content that may still come
}

// Open reads the header of an archive. The error names the path.
func Open(path string) (*Header, error) {
	r, h, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.close()
	if h.Path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	return h, nil
}

func open(path string) (*reader, *Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, bare(err)
	}
	r := &reader{file: f, sum: newSummer(), left: maxHeader}
	h, err := r.header()
	if err != nil {
		r.close()
		return nil, nil, err
	}
	return r, h, nil
}

func (r *reader) close() {
	if r.zstd != nil {
		r.zstd.Close()
	}
	r.file.Close()
}

func (r *reader) header() (*Header, error) {
	info, err := r.file.Stat()
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	if r.zstd, err = zstd.NewReader(r.file, zstd.WithDecoderMaxWindow(2*window)); err != nil {
		return nil, err
	}
	r.tar = tarfile.NewReader(r.zstd)
	e, err := r.next()
	if err != nil || e.name != headerName {
		return nil, errors.New("it is no archive of pgtest tool archive")
	}
	var text bytes.Buffer
	if err := r.copy(context.Background(), &text, e); err != nil {
		return nil, err
	}
	h := new(Header)
	if json.Unmarshal(text.Bytes(), &struct{ Format *int }{&h.Format}) == nil && h.Format <= Format {
		err = json.Unmarshal(text.Bytes(), h)
	}
	if err != nil {
		return nil, errDamaged
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	if h.Size > maxRatio*info.Size()+freeSize {
		return nil, fmt.Errorf("it would become more than %d times as large", maxRatio)
	}
	r.left = h.Size
	return h, nil
}

// next returns the next entry. It has checked all that an entry alone tells.
func (r *reader) next() (entry, error) {
	t, err := r.tar.Next()
	if err != nil {
		return entry{}, damaged(err)
	}
	e := entry{name: t.Name, mode: fs.FileMode(t.Mode).Perm(), size: t.Size}
	switch {
	case t.Type == tarfile.Symlink:
		e.link = t.Link
	case t.Type != tarfile.Regular:
		return entry{}, fmt.Errorf("%q in it is neither a file nor a link", t.Name)
	}
	switch {
	case !isLocal(e.name):
		return entry{}, fmt.Errorf("%q in it leads out of the directory", t.Name)
	case t.Type == tarfile.Symlink && (e.link == "" || Outside(e.name, e.link)):
		return entry{}, fmt.Errorf("the link %q in it leads out of the directory", t.Name)
	case e.size > r.left && e.name != sumName:
		return entry{}, errTooLarge
	}
	return e, nil
}

var errTooLarge = errors.New("it holds more than it says")

// isLocal reports whether a path with slashes stays below the directory in which
// it begins.
func isLocal(name string) bool {
	return filepath.IsLocal(filepath.FromSlash(name)) && path.Clean(name) == name && name != "."
}

// copy reads the content of an entry.
func (r *reader) copy(ctx context.Context, to io.Writer, e entry) error {
	r.sum.add(e)
	n, err := io.Copy(to, io.TeeReader(io.LimitReader(until{ctx, r.tar}, e.size), r.sum))
	r.left -= n
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case isWriteError(err):
		return pathError(err) // where the disk is full, for example
	case err != nil:
		return damaged(err)
	}
	return nil
}

// isWriteError reports whether an error is of the file that is written. All that
// come from reading say that the archive is wrong.
func isWriteError(err error) bool {
	var pathErr *fs.PathError
	return errors.As(err, &pathErr) && pathErr.Op == "write"
}

// damaged returns the system's errors as they are.
func damaged(err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut off")
	}
	return errDamaged
}

// Unpack unpacks an archive into a directory that exists, with those of the test
// binaries that wanted names, and checks that all of it is as it was written. What
// it unpacked before an error stays. The error names the archive's path, or is that of
// ctx soon after that is done.
func Unpack(ctx context.Context, path, dir string, wanted func(binary string) bool) error {
	r, h, err := open(path)
	if err == nil {
		defer r.close()
		err = r.unpack(ctx, h, dir, wanted)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

func (r *reader) unpack(ctx context.Context, h *Header, dir string, wanted func(binary string) bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return bare(err)
	}
	defer root.Close()
	binaries := make(map[string]bool)
	for _, p := range h.Packages {
		binaries[p.Binary] = true
	}
	var links []entry
	for range h.Entries {
		e, err := r.next()
		switch {
		case err != nil:
			return err
		case e.link != "":
			// They come last, so that nothing is written through one.
			r.sum.add(e)
			links = append(links, e)
		case binaries[e.name] && !wanted(e.name):
			err = r.copy(ctx, io.Discard, e)
		default:
			err = r.unpackFile(ctx, root, e)
		}
		if err != nil {
			return err
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	for _, e := range links {
		if err := link(root, e); err != nil {
			return err
		}
	}
	for _, e := range links {
		// Links may lead out together though each alone does not.
		if _, err := root.Stat(filepath.FromSlash(e.name)); err != nil && !isDangling(err) {
			return fmt.Errorf("the link %q in it leads out of the directory", e.name)
		}
	}
	return makeDirs(root, h)
}

// isDangling reports whether a link leads to nothing, or to itself.
func isDangling(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

// end reads the sum, and that nothing follows.
func (r *reader) end() error {
	want := r.sum.text()
	e, err := r.next()
	if err != nil {
		return err
	}
	if e.name != sumName || e.size != int64(len(want)) {
		return errTooLarge
	}
	var got bytes.Buffer
	if err := r.copy(context.Background(), &got, e); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), want) {
		return errDamaged
	}
	if _, err := r.tar.Next(); err != io.EOF {
		return errDamaged
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r.zstd, 1)); err != nil || n > 0 {
		return errDamaged
	}
	return nil
}

// unpackFile unpacks a file. Its owner may change it, as tests of files do.
func (r *reader) unpackFile(ctx context.Context, root *os.Root, e entry) error {
	name := filepath.FromSlash(e.name)
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return entryError(e, err)
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return entryError(e, err)
	}
	err = r.copy(ctx, f, e)
	if err == nil {
		err = f.Chmod(e.mode)
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = entryError(e, closeErr)
	}
	return err
}

func link(root *os.Root, e entry) error {
	name := filepath.FromSlash(e.name)
	err := root.MkdirAll(filepath.Dir(name), 0o777)
	if err == nil {
		err = root.Symlink(e.link, name)
	}
	if err != nil {
		return entryError(e, err)
	}
	return nil
}

func entryError(e entry, err error) error { return fmt.Errorf("%q in it: %w", e.name, bare(err)) }

// makeDirs makes the directories of packages that have no files.
func makeDirs(root *os.Root, h *Header) error {
	for _, p := range h.Packages {
		if err := root.MkdirAll(filepath.FromSlash(p.Dir), 0o777); err != nil {
			return fmt.Errorf("%q in it: %w", p.Dir, bare(err))
		}
	}
	return nil
}
