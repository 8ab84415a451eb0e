package history

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"pgtest/jsonstream"
	"pgtest/jsonstream/result"
)

// A Run is a run of the history.
type Run struct {
	// ID is a number as text: that of a later run is higher.
	ID string
	// Imported says that it was recorded elsewhere.
	Imported bool
	Header
	Tree
	// Summary has the Outcome Running, and nothing else, if the run goes on.
	Summary

	path   string
	plain  bool   // a plain file
	memory []byte // the file, if it could not be completed on the disk
	mended bool   // this process has completed it
}

// load reads what is known of a run without its events. A run that was killed is
// completed.
func load(ctx context.Context, e entry) (*Run, error) {
	f, err := openPlain(e.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	run := &Run{ID: strconv.Itoa(e.number), Imported: e.imported, path: e.path}
	if whole, err := run.read(f); whole || err != nil {
		return run, err
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		run.Summary = Summary{Outcome: Running}
		return run, nil
	case err != nil:
		return nil, err
	}
	// It may have come to its end before it was locked, or have been replaced.
	if whole, err := run.read(f); whole || err != nil {
		return run, err
	}
	if now, err := os.Lstat(e.path); err == nil {
		if info, err := f.Stat(); err == nil && !os.SameFile(now, info) {
			return load(ctx, e)
		}
	}
	return run, run.mend(ctx, f)
}

// read reports whether a file is that of a run with an end.
func (r *Run) read(f *os.File) (whole bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	return r.readContent(&content{ReaderAt: f, size: info.Size()})
}

func (r *Run) readContent(c *content) (whole bool, err error) {
	if r.Header, r.Tree, err = c.readHeader(); err != nil {
		return false, err
	}
	r.plain = c.plain
	r.Summary, whole = c.readSummary()
	return whole, nil
}

// death is the reason of the interruption that a killed run is given.
const death = "the death of pgtest"

// mend completes the file of a run that was killed, which this process has locked.
// Where that can't be, it is completed in memory.
func (r *Run) mend(ctx context.Context, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header, _, err := encodeHeader(r.Header, r.Tree)
	if err != nil {
		return err
	}
	stop := result.Interruption{At: info.ModTime(), Reason: death}
	record := func(to io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		events, err := openEvents(f, r.plain)
		if err != nil {
			return err
		}
		defer events.Close()
		return again(ctx, to, events, &stop)
	}
	store := &Store{dir: filepath.Dir(r.path)}
	if temp, err := store.create(header); err == nil {
		defer temp.Close()
		err := record(temp)
		if err == nil && os.Chtimes(temp.Name(), info.ModTime(), info.ModTime()) == nil {
			if err = os.Rename(temp.Name(), r.path); err == nil {
				r.mended = true
				_, err = r.read(temp)
				return err
			}
		}
		os.Remove(temp.Name())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := bytes.NewBuffer(header)
	if err := record(whole); err != nil {
		return err
	}
	r.memory = whole.Bytes()
	_, err = r.readContent(&content{ReaderAt: bytes.NewReader(r.memory), size: int64(len(r.memory))})
	return err
}

// again records a run once more, from the lines that are whole of its events. stop says that
// the run did not come to its end, unless it is nil.
func again(ctx context.Context, to io.Writer, from io.Reader, stop *result.Interruption) error {
	r := newRecorder(to)
	stream, err := jsonstream.New(jsonstream.Options{Format: "none", NoSummary: true, History: r})
	if err != nil {
		r.Abort()
		return err
	}
	if stop != nil {
		stream.Note(*stop)
	}
	stream.ReadOutput(&whole{ctx: ctx, r: from, cut: true})
	report, err := stream.Finish()
	outcome, status := Passed, 0
	switch {
	case stop != nil:
		outcome, status = Killed, -1
	case !report.OK():
		outcome, status = Failed, 1
	}
	return errors.Join(err, r.end(outcome, status), ctx.Err())
}

// whole reads the lines that can be read. Where events may be cut off it ends
// behind the last whole line, and without an error.
type whole struct {
	ctx  context.Context
	r    io.Reader
	cut  bool
	held []byte // the start of a line
	out  []byte // whole lines
}

func (w *whole) Read(p []byte) (int, error) {
	for len(w.out) == 0 {
		if w.ctx.Err() != nil {
			return 0, io.EOF
		}
		n, err := w.r.Read(p)
		w.held = append(w.held, p[:n]...)
		if end := bytes.LastIndexByte(w.held, '\n') + 1; end > 0 {
			w.out, w.held = w.held[:end], bytes.Clone(w.held[end:])
		} else if err != nil && (w.cut || err == io.EOF) {
			return 0, io.EOF
		} else if err != nil {
			return 0, errDamaged
		}
	}
	n := copy(p, w.out)
	w.out = w.out[n:]
	return n, nil
}

// Export writes the run, which is over, to a plain file, which [OpenFile] reads.
func (r *Run) Export(to io.Writer) error {
	f, c, err := r.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if c.plain {
		_, err = io.Copy(to, io.NewSectionReader(c, 0, c.size))
		return err
	}
	if !c.findSummary() {
		return errDamaged
	}
	header, err := c.read(span{0, c.head})
	if err != nil {
		return err
	}
	copy(header[frameSize:], plainMagic)
	encoder, err := newEncoder(to)
	if err != nil {
		return err
	}
	defer encoder.Close()
	events, err := openEvents(f, false)
	if err != nil {
		return err
	}
	defer events.Close()
	if _, err := to.Write(header); err != nil {
		return err
	}
	if _, err := io.Copy(encoder, &whole{ctx: context.Background(), r: events}); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	end := c.tests.start - frameSize
	_, err = io.Copy(to, io.NewSectionReader(c, end, c.size-end))
	return err
}

// OpenFile reads the run of a file: one that Export wrote, or an event file, which
// may be compressed with zstd(1). The run is held in memory and has no ID.
func OpenFile(f *os.File) (*Run, error) {
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	run := &Run{memory: text, Imported: true}
	whole, err := run.readContent(&content{ReaderAt: bytes.NewReader(text), size: int64(len(text))})
	if whole || errors.Is(err, errNewer) {
		return run, err
	}
	var stop *result.Interruption
	info, statErr := f.Stat()
	if statErr != nil {
		return nil, statErr
	}
	if err == nil {
		stop = &result.Interruption{At: info.ModTime(), Reason: death}
	}
	if run.Started.IsZero() {
		run.Started = info.ModTime()
	}
	header, _, err := encodeHeader(run.Header, run.Tree)
	if err != nil {
		return nil, err
	}
	to := bytes.NewBuffer(header)
	var events io.Reader = bytes.NewReader(text)
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		decoder, err := openEvents(events, err != nil || run.plain)
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		events = decoder
	}
	if err := again(context.Background(), to, events, stop); err != nil {
		return nil, err
	}
	run.memory = to.Bytes()
	_, err = run.readContent(&content{ReaderAt: bytes.NewReader(run.memory), size: int64(len(run.memory))})
	if err == nil && len(run.Packages) == 0 {
		err = errNoEvents
	}
	return run, err
}

// errNoEvents says that a file holds no run.
var errNoEvents = errors.New("no run and no events of go test -json")

// open opens the file. The caller closes the reader, which is at its start.
func (r *Run) open() (io.ReadCloser, *content, error) {
	if r.memory != nil {
		b := bytes.NewReader(r.memory)
		c := &content{ReaderAt: b, size: b.Size()}
		return io.NopCloser(b), c, c.readHead()
	}
	f, err := openPlain(r.path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		c := &content{ReaderAt: f, size: info.Size()}
		if err = c.readHead(); err == nil {
			return f, c, nil
		}
	}
	f.Close()
	return nil, nil, err
}

// Events returns the events of the run, in the lines of an event file: those that
// are there, if the run goes on. The caller closes the reader.
func (r *Run) Events() (io.ReadCloser, error) {
	f, c, err := r.open()
	if err != nil {
		return nil, err
	}
	events, err := openEvents(f, c.plain)
	if err != nil {
		f.Close()
		return nil, err
	}
	return closing{&whole{ctx: context.Background(), r: events, cut: r.Outcome == Running}, func() {
		events.Close()
		f.Close()
	}}, nil
}

// openEvents returns a reader of a file's events, plain or not, for which [whole]
// is made.
func openEvents(f io.Reader, plain bool) (io.ReadCloser, error) {
	decoder, err := newDecoder(f)
	if err != nil {
		return nil, err
	}
	if plain {
		return closing{decoder, decoder.Close}, nil
	}
	return closing{newUnpacker(decoder), decoder.Close}, nil
}

type closing struct {
	io.Reader
	end func()
}

func (c closing) Close() error {
	c.end()
	return nil
}

// ReadTests calls add for each test of the run in each round, in no certain order. A
// run that goes on has none yet.
func (r *Run) ReadTests(add func(Test)) error {
	if r.Outcome == Running {
		return nil
	}
	f, c, err := r.open()
	if err != nil {
		return err
	}
	defer f.Close()
	if !c.findSummary() {
		return errDamaged
	}
	return c.readTests(add)
}
