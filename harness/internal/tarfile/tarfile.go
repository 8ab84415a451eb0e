// Package tarfile reads and writes the small part of the tar format (POSIX pax)
// that archives of tests need: regular files and symbolic links, with modes, and
// names and sizes of any length. The standard library's archive/tar imports os/user
// and with it cgo, which makes every start of the program slower.
package tarfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Header is an entry. Link is where a symbolic link leads,
// "" for others. Size counts bytes.
type Header struct {
	Name, Link string
	Mode, Size int64
	Type       byte
}

// Types of entries.
const (
	Regular = '0'
	Symlink = '2'

	pax       = 'x'
	regularV7 = 0
)

// ErrHeader is the error for what is no tar file, or none that is read here.
var ErrHeader = errors.New("tarfile: bad header")

const (
	blockSize = 512
	// maxOctal is the largest size that a header itself can say.
	maxOctal = 1<<33 - 1
	// maxRecords bounds a header of pax: two names of the greatest length.
	maxRecords = 1 << 20
)

// A field is a part of a header's block.
type field struct{ start, end int }

var (
	nameField  = field{0, 100}
	modeField  = field{100, 108}
	sizeField  = field{124, 136}
	sumField   = field{148, 156}
	typeField  = 156
	linkField  = field{157, 257}
	magicField = field{257, 265}
	prefix     = field{345, 500}
)

const magic = "ustar\x0000"

// A Writer writes a tar file. Each header is followed by so many bytes as it says.
type Writer struct {
	w    io.Writer
	left int64 // of the entry
	pad  int64
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// WriteHeader begins an entry. It is an error if the one before has not all of its
// bytes.
func (w *Writer) WriteHeader(h Header) error {
	if err := w.end(); err != nil {
		return err
	}
	var records []byte
	short := h
	if len(h.Name) > nameField.end-nameField.start || !isASCII(h.Name) {
		records, short.Name = appendRecord(records, "path", h.Name), cutName(h.Name)
	}
	if len(h.Link) > linkField.end-linkField.start || !isASCII(h.Link) {
		records, short.Link = appendRecord(records, "linkpath", h.Link), cutName(h.Link)
	}
	if h.Size > maxOctal {
		records, short.Size = appendRecord(records, "size", strconv.FormatInt(h.Size, 10)), 0
	}
	if len(records) > 0 {
		if err := w.block(Header{Name: "pax", Mode: 0o644, Size: int64(len(records)), Type: pax}); err != nil {
			return err
		}
		if _, err := w.Write(records); err != nil {
			return err
		}
		if err := w.end(); err != nil {
			return err
		}
	}
	if err := w.block(short); err != nil {
		return err
	}
	w.begin(h.Size)
	return nil
}

func (w *Writer) block(h Header) error {
	var b [blockSize]byte
	put := func(f field, text string) { copy(b[f.start:f.end], text) }
	put(nameField, h.Name)
	put(modeField, fmt.Sprintf("%07o", h.Mode))
	put(field{108, 116}, "0000000") // the owner's number, and the group's
	put(field{116, 124}, "0000000")
	put(sizeField, fmt.Sprintf("%011o", h.Size))
	put(field{136, 148}, "00000000000") // the time
	b[typeField] = h.Type
	put(linkField, h.Link)
	put(magicField, magic)
	put(sumField, fmt.Sprintf("%06o\x00 ", sum(&b)))
	w.begin(h.Size)
	_, err := w.w.Write(b[:])
	return err
}

func (w *Writer) begin(size int64) { w.left, w.pad = size, -size&(blockSize-1) }

// Write writes bytes of the entry.
func (w *Writer) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		return 0, errors.New("tarfile: more bytes than the header says")
	}
	n, err := w.w.Write(p)
	w.left -= int64(n)
	return n, err
}

func (w *Writer) end() error {
	if w.left > 0 {
		return errors.New("tarfile: fewer bytes than the header says")
	}
	_, err := w.w.Write(make([]byte, w.pad))
	w.pad = 0
	return err
}

// Close ends the file. It does not close what is written to.
func (w *Writer) Close() error {
	if err := w.end(); err != nil {
		return err
	}
	_, err := w.w.Write(make([]byte, 2*blockSize))
	return err
}

// A Reader reads a tar file.
type Reader struct {
	r         io.Reader
	left, pad int64
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next goes to the next entry, and returns io.EOF behind the last one. What comes
// then is not read. Entries of other types are returned as they are, for the
// caller to refuse.
func (r *Reader) Next() (Header, error) {
	var extended map[string]string
	for {
		if err := r.skip(); err != nil {
			return Header{}, err
		}
		var b [blockSize]byte
		if _, err := io.ReadFull(r.r, b[:]); err != nil {
			return Header{}, unexpected(err)
		}
		if b == [blockSize]byte{} {
			if _, err := io.ReadFull(r.r, b[:]); err != nil {
				return Header{}, unexpected(err)
			}
			if b != [blockSize]byte{} || extended != nil {
				return Header{}, ErrHeader
			}
			return Header{}, io.EOF
		}
		h, err := parse(&b)
		if err != nil {
			return Header{}, err
		}
		if h.Type == pax {
			if extended != nil || h.Size > maxRecords {
				return Header{}, ErrHeader
			}
			r.left, r.pad = h.Size, -h.Size&(blockSize-1)
			text := make([]byte, h.Size)
			if _, err := io.ReadFull(r, text); err != nil {
				return Header{}, unexpected(err)
			}
			if extended, err = records(text); err != nil {
				return Header{}, err
			}
			continue
		}
		if err := h.extend(extended); err != nil {
			return Header{}, err
		}
		r.left, r.pad = h.Size, -h.Size&(blockSize-1)
		if h.Type != Regular {
			r.left, r.pad = 0, 0
		}
		return h, nil
	}
}

// Read reads bytes of the entry, and returns io.EOF behind them.
func (r *Reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// skip reads what is left of an entry.
func (r *Reader) skip() error {
	if _, err := io.CopyN(io.Discard, r.r, r.left+r.pad); err != nil {
		return unexpected(err)
	}
	r.left, r.pad = 0, 0
	return nil
}

// unexpected is the error of an end within a file.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func parse(b *[blockSize]byte) (Header, error) {
	text := func(f field) string {
		text, _, _ := bytes.Cut(b[f.start:f.end], []byte{0})
		return string(text)
	}
	number := func(f field) (int64, error) { return strconv.ParseInt(strings.Trim(text(f), " "), 8, 64) }
	want, err := number(sumField)
	if err != nil || want != sum(b) || string(b[magicField.start:magicField.end]) != magic {
		return Header{}, ErrHeader
	}
	h := Header{Name: text(nameField), Link: text(linkField), Type: b[typeField]}
	if dir := text(prefix); dir != "" {
		h.Name = dir + "/" + h.Name
	}
	if h.Type == regularV7 {
		h.Type = Regular
	}
	if h.Mode, err = number(modeField); err == nil {
		h.Size, err = number(sizeField)
	}
	if err != nil || h.Size < 0 || h.Mode < 0 {
		return Header{}, ErrHeader
	}
	return h, nil
}

// extend has the records of pax hold.
func (h *Header) extend(extended map[string]string) error {
	for key, value := range extended {
		switch key {
		case "path":
			h.Name = value
		case "linkpath":
			h.Link = value
		case "size":
			size, err := strconv.ParseInt(value, 10, 64)
			if err != nil || size < 0 {
				return ErrHeader
			}
			h.Size = size
		}
	}
	if strings.ContainsRune(h.Name+h.Link, 0) {
		return ErrHeader
	}
	return nil
}

// records takes apart lines of the form "length key=value", whose length is that
// of the whole line.
func records(text []byte) (map[string]string, error) {
	all := make(map[string]string)
	for len(text) > 0 {
		digits, _, found := bytes.Cut(text, []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !found || err != nil || length <= len(digits)+1 || length > len(text) || text[length-1] != '\n' {
			return nil, ErrHeader
		}
		key, value, found := strings.Cut(string(text[len(digits)+1:length-1]), "=")
		if !found {
			return nil, ErrHeader
		}
		all[key], text = value, text[length:]
	}
	return all, nil
}

func appendRecord(records []byte, key, value string) []byte {
	rest := " " + key + "=" + value + "\n"
	length := len(rest)
	for len(rest)+len(strconv.Itoa(length)) != length {
		length = len(rest) + len(strconv.Itoa(length))
	}
	return append(append(records, strconv.Itoa(length)...), rest...)
}

// sum is a header's, in which its own field counts as spaces.
func sum(b *[blockSize]byte) int64 {
	total := int64(0)
	for i, c := range b {
		if i >= sumField.start && i < sumField.end {
			c = ' '
		}
		total += int64(c)
	}
	return total
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 || r < ' ' }) < 0
}

// cutName is what stands in a header whose records have the name.
func cutName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 0x80 || r < ' ' {
			return '_'
		}
		return r
	}, name)
	return name[:min(len(name), nameField.end-nameField.start)]
}
