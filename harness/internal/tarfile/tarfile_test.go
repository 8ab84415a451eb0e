package tarfile

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

var headers = []Header{
	{Name: "a", Mode: 0o644, Size: 3, Type: Regular},
	{Name: "empty", Mode: 0o755, Type: Regular},
	{Name: strings.Repeat("d/", 80) + "x", Mode: 0o600, Size: 512, Type: Regular},
	{Name: strings.Repeat("x", 100), Mode: 0o600, Size: 513, Type: Regular},
	{Name: "grün/\n", Mode: 0o444, Size: 1, Type: Regular},
	{Name: "link", Link: "a", Mode: 0o777, Type: Symlink},
	{Name: "long", Link: strings.Repeat("../", 60) + "ü", Mode: 0o777, Type: Symlink},
}

func content(h Header) []byte { return bytes.Repeat([]byte("x"), int(h.Size)) }

// write returns a file with the headers.
func write(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content(h)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestWriter has the standard library read what a Writer writes.
func TestWriter(t *testing.T) {
	r := tar.NewReader(bytes.NewReader(write(t)))
	for _, want := range headers {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s: %v", want.Name, err)
		}
		if got := (Header{h.Name, h.Linkname, h.Mode, h.Size, h.Typeflag}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, content(want)) {
			t.Errorf("%s: %q, %v", want.Name, text, err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	w := NewWriter(io.Discard)
	w.WriteHeader(Header{Name: "a", Size: 2, Type: Regular})
	if _, err := w.Write([]byte("abc")); err == nil {
		t.Error("three bytes of two")
	}
	if err := w.Close(); err == nil {
		t.Error("no bytes of two")
	}
}

// TestLargeSize has a size that needs a record.
func TestLargeSize(t *testing.T) {
	var b bytes.Buffer
	want := Header{Name: "a", Mode: 0o644, Size: 1 << 40, Type: Regular}
	if err := NewWriter(&b).WriteHeader(want); err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(bytes.NewReader(b.Bytes())).Next(); err != nil || h.Size != want.Size {
		t.Errorf("the standard library reads %+v, %v", h, err)
	}
	if h, err := NewReader(&b).Next(); err != nil || h != want {
		t.Errorf("%+v, %v", h, err)
	}
}

// TestReader reads what a Writer and the standard library write, in pieces that
// were not all read.
func TestReader(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		w.WriteHeader(&tar.Header{Name: h.Name, Linkname: h.Link, Mode: h.Mode, Size: h.Size, Typeflag: h.Type, Format: tar.FormatPAX})
		w.Write(content(h))
	}
	w.Close()
	for name, file := range map[string][]byte{"own": write(t), "the standard library's": b.Bytes()} {
		r := NewReader(bytes.NewReader(file))
		for i, want := range headers {
			h, err := r.Next()
			if err != nil || h != want {
				t.Fatalf("%s: %+v, %v, want %+v", name, h, err, want)
			}
			if i%2 == 0 {
				text, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(text, content(want)) {
					t.Errorf("%s: %s: %q, %v", name, h.Name, text, err)
				}
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

// TestCut cuts a file off at every byte.
func TestCut(t *testing.T) {
	whole := write(t)
	for n := range whole {
		if _, err := readAll(whole[:n]); err != io.ErrUnexpectedEOF {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// TestDamaged changes each byte of a header that means something.
func TestDamaged(t *testing.T) {
	for i := range blockSize {
		if i == sumField.end-1 {
			continue // behind the end of the number
		}
		file := write(t)
		file[i] ^= 1
		if h, err := readAll(file); err != ErrHeader {
			t.Errorf("byte %d: %+v, %v", i, h, err)
		}
	}
}

func readAll(file []byte) (headers []Header, err error) {
	r := NewReader(bytes.NewReader(file))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return headers, nil
		}
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return headers, err
		}
		headers = append(headers, h)
	}
}

// FuzzReader wants no file to be anything but read or refused, and what is read to
// be what the standard library reads.
func FuzzReader(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 1024))
	var b bytes.Buffer
	w := NewWriter(&b)
	w.WriteHeader(Header{Name: strings.Repeat("x", 120), Size: 3, Type: Regular})
	w.Write([]byte("abc"))
	w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := readAll(file)
		if err != nil {
			if !errors.Is(err, ErrHeader) && err != io.ErrUnexpectedEOF {
				t.Errorf("%v", err)
			}
			return
		}
		r := tar.NewReader(bytes.NewReader(file))
		for _, h := range got {
			std, err := r.Next()
			if err != nil || h.Type != Regular || std.Typeflag != tar.TypeReg {
				return // it refuses more, or says it in another way
			}
			if std.Name != h.Name || std.Size != h.Size {
				t.Errorf("%+v, want %+v", h, std)
			}
		}
	})
}
