package history

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"pgtest/jsonstream/result"
)

// The file of a run is one of zstd(1), whose content are the run's events. What
// else there is stands in skippable frames, which zstd passes over:
//
//	header   a magic text, a Header as JSON, a slot for the Tree
//	events   frames of zstd: batches, or in a plain file lines
//	tests    lines that were compressed by themselves
//	summary  a Summary as JSON, the lengths of both frames, a magic text
//
// A run that was killed has no tests and no summary, and its events may end in
// the middle. Plain files are for other programs.
const (
	headerFrame  = 0x184D2A50
	testsFrame   = 0x184D2A51
	summaryFrame = 0x184D2A52

	headerMagic  = "pgtest history 2\n"
	plainMagic   = "pgtest history 1\n"
	summaryMagic = "pgtest.1"

	treeSlot   = 256
	frameSize  = 8                         // of a skippable frame's own words
	footerSize = 4 + 4 + len(summaryMagic) // at the end of the file
	maxHeader  = 16 << 20
)

// errDamaged says that a file is not that of a run.
var errDamaged = errors.New("not the file of a run")

// errNewer says that a later version of pgtest wrote a file.
var errNewer = errors.New("written by a later version of pgtest")

func skippable(magic uint32, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	frame := binary.LittleEndian.AppendUint32(nil, magic)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(size))
	for _, p := range parts {
		frame = append(frame, p...)
	}
	return frame
}

// encodeHeader returns the frame at the start of a file, and where in it the slot
// for the tree begins.
func encodeHeader(h Header, t Tree) (frame []byte, slot int64, err error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, 0, err
	}
	tree := encodeTree(t)
	if tree == nil {
		tree = bytes.Repeat([]byte(" "), treeSlot)
	}
	frame = skippable(headerFrame, []byte(headerMagic), text, []byte("\n"), tree)
	return frame, int64(len(frame) - treeSlot), nil
}

// encodeTree returns what fills the slot, nil if it does not.
func encodeTree(t Tree) []byte {
	text, err := json.Marshal(t)
	if err != nil || len(text) > treeSlot {
		return nil
	}
	return append(text, bytes.Repeat([]byte(" "), treeSlot-len(text))...)
}

// encodeEnd returns what stands behind the events of a whole file. tests are
// compressed lines.
func encodeEnd(tests []byte, s Summary) ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var footer []byte
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(tests)))
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(text)))
	footer = append(footer, summaryMagic...)
	return append(skippable(testsFrame, tests), skippable(summaryFrame, text, footer)...), nil
}

// content is the file of a run that is being read.
type content struct {
	io.ReaderAt
	size           int64
	plain          bool
	head           int64 // the length of the header's frame
	tests, summary span  // of a file with an end
}

// A span is a part of a file.
type span struct{ start, length int64 }

// readHead reads how a file begins.
func (c *content) readHead() error {
	word := make([]byte, frameSize+len(headerMagic))
	if _, err := c.ReadAt(word, 0); err != nil {
		return damaged(err)
	}
	size := int64(binary.LittleEndian.Uint32(word[4:]))
	if binary.LittleEndian.Uint32(word) != headerFrame || size > maxHeader || size < int64(len(headerMagic)+treeSlot) || frameSize+size > c.size {
		return errDamaged
	}
	magic := string(word[frameSize:])
	switch name, _, _ := strings.Cut(headerMagic, "2"); {
	case magic == headerMagic:
	case magic == plainMagic:
		c.plain = true
	case strings.HasPrefix(magic, name):
		return errNewer
	default:
		return errDamaged
	}
	c.head = frameSize + size
	return nil
}

// readHeader reads the start of a file.
func (c *content) readHeader() (h Header, t Tree, err error) {
	if err := c.readHead(); err != nil {
		return h, t, err
	}
	start := int64(frameSize + len(headerMagic))
	frame, err := c.read(span{start, c.head - start})
	if err != nil {
		return h, t, err
	}
	text, slot := frame[:len(frame)-treeSlot], frame[len(frame)-treeSlot:]
	if err := json.Unmarshal(text, &h); err != nil {
		return h, t, errDamaged
	}
	if len(bytes.TrimSpace(slot)) > 0 && json.Unmarshal(slot, &t) != nil {
		t = Tree{} // the run was killed while it wrote this
	}
	return h, t, nil
}

// damaged tells a file that is too short from one that can't be read.
func damaged(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errDamaged
	}
	return err
}

// findSummary finds the end of a file, where there is one.
func (c *content) findSummary() bool {
	footer := make([]byte, footerSize)
	if c.size < c.head+int64(footerSize) {
		return false
	}
	if _, err := c.ReadAt(footer, c.size-int64(footerSize)); err != nil || string(footer[8:]) != summaryMagic {
		return false
	}
	tests, length := int64(binary.LittleEndian.Uint32(footer)), int64(binary.LittleEndian.Uint32(footer[4:]))
	c.summary = span{c.size - int64(footerSize) - length, length}
	c.tests = span{c.summary.start - frameSize - tests, tests}
	return c.tests.start-frameSize >= c.head
}

// readSummary reads the end of a file that has one.
func (c *content) readSummary() (s Summary, ok bool) {
	if !c.findSummary() {
		return s, false
	}
	text, err := c.read(c.summary)
	if err != nil || json.Unmarshal(text, &s) != nil {
		return Summary{}, false
	}
	return s, true
}

func (c *content) read(s span) ([]byte, error) {
	text := make([]byte, s.length)
	_, err := c.ReadAt(text, s.start)
	return text, damaged(err)
}

// readTests calls add for each test of a file with an end.
func (c *content) readTests(add func(Test)) error {
	frame, err := c.read(c.tests)
	if err != nil {
		return err
	}
	decoder, err := newDecoder(nil)
	if err != nil {
		return err
	}
	defer decoder.Close()
	lines, err := decoder.DecodeAll(frame, nil)
	if err != nil {
		return errDamaged
	}
	return decodeTests(string(lines), add)
}

func newDecoder(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
}

// testLines are the lines that tell of tests: one for each, behind one for its
// round and package.
type testLines struct {
	text    []byte
	round   int
	path    string
	started bool
}

func (l *testLines) add(t Test) {
	if !l.started || t.Round != l.round || t.Package != l.path {
		l.started, l.round, l.path = true, t.Round, t.Package
		l.text = append(strconv.AppendInt(append(l.text, "in "...), int64(t.Round), 10), ' ')
		l.text = append(appendQuote(l.text, t.Package), '\n')
	}
	l.text = append(strconv.AppendInt(l.text, t.Elapsed.Milliseconds(), 10), ' ')
	l.text = append(appendQuote(l.text, string(t.End)), ' ')
	l.text = appendQuote(l.text, t.Name)
	if t.Line != "" {
		l.text = appendQuote(append(l.text, ' '), t.Line)
	}
	l.text = append(l.text, '\n')
}

// appendQuote is strconv.AppendQuote, and fast for most names.
func appendQuote(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return strconv.AppendQuote(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func decodeTests(text string, add func(Test)) error {
	var t Test
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		number, rest, _ := strings.Cut(strings.TrimPrefix(line, "in "), " ")
		n, err := strconv.Atoi(number)
		words, quoteErr := unquoteAll(rest)
		isPlace := strings.HasPrefix(line, "in ")
		switch {
		case err != nil, quoteErr != nil, isPlace && len(words) != 1, !isPlace && (len(words) < 2 || len(words) > 3):
			return fmt.Errorf("%w: %q", errDamaged, line)
		case isPlace:
			t.Round, t.Package = n, words[0]
			continue
		}
		t.Elapsed, t.End, t.Name, t.Line = time.Duration(n)*time.Millisecond, result.End(words[0]), words[1], ""
		if len(words) == 3 {
			t.Line = words[2]
		}
		add(t)
	}
	return nil
}

func unquoteAll(text string) ([]string, error) {
	var words []string
	for text != "" {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		text = strings.TrimPrefix(text[len(quoted):], " ")
	}
	return words, nil
}
