package linkcache

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"pgtest/harness/internal/cacheprog"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/message"
)

// A peer is a link's end of the connection to the [Share] of its run. A nil peer
// stands for none: it has nothing and takes nothing.
type peer struct {
	conn    *os.File
	answers *json.Decoder
}

// peerPatience is for the first answer of a run that may have been stopped. It is
// longer than the run waits for the program.
const peerPatience = 10 * time.Second

// askShare asks for the link with key k. It returns nil if nobody answers.
func askShare(k key) *peer {
	conn, err := control.DialSecond()
	if err != nil {
		return nil
	}
	if message.Send(conn, question{Key: k[:]}) != nil {
		conn.Close()
		return nil
	}
	conn.SetReadDeadline(time.Now().Add(peerPatience))
	return &peer{conn: conn, answers: json.NewDecoder(conn)}
}

// next awaits the next answer, which is a miss if none comes.
func (p *peer) next() answer {
	var a answer
	if p == nil || p.answers.Decode(&a) != nil {
		a = missing
	}
	return a
}

// tell says how the link went on. The link does not depend on its success.
func (p *peer) tell(q question) {
	if p != nil {
		message.Send(p.conn, q)
	}
}

func (p *peer) close() {
	if p != nil {
		p.conn.Close()
	}
}

// A fetch is what became of an answer: the link's output, if err is nil.
type fetch struct {
	meta meta
	err  error
}

func (f fetch) result() result {
	if f.err != nil {
		return result{damaged: errors.Is(f.err, errDamaged)}
	}
	return result{fetched: true, printed: f.meta.Output, took: f.meta.Took}
}

// awaitFetch fetches the answer that comes later to fetchedOutput.
func (l *link) awaitFetch(p *peer) <-chan fetch {
	later := make(chan fetch, 1)
	p.conn.SetReadDeadline(time.Time{})
	go func() { later <- l.fetch(p.next().Response, l.fetchedOutput()) }()
	return later
}

// fetch writes the link's output as the program has it. The cache gets no entry: the
// program has the file on this machine, and to ask it again costs less than a second
// copy. But if the link has inputs, which are described by what this machine has, to
// read them each time would cost more.
func (l *link) fetch(r cacheprog.Response, output string) (f fetch) {
	f.meta, f.err = l.unpack(r, output)
	return f
}

func (l *link) unpack(r cacheprog.Response, output string) (meta, error) {
	if r.Miss || !filepath.IsAbs(r.DiskPath) {
		return meta{}, os.ErrNotExist
	}
	// The file may be of any kind and size: opening it must not block, nor
	// reading take long.
	entry, err := os.OpenFile(r.DiskPath, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return meta{}, err
	}
	defer entry.Close()
	info, err := entry.Stat()
	if err != nil {
		return meta{}, err
	}
	if !info.Mode().IsRegular() || info.Size() != r.Size {
		return meta{}, errDamaged
	}
	t, err := readTail(entry, packedMagic, l.key)
	if err != nil {
		return meta{}, err
	}
	inputs, unchanged := present(t.meta.Inputs)
	if !unchanged {
		return meta{}, errInputsChanged
	}
	err = t.extract(output, func(out *os.File) error { return t.unpack(out, entry, r.OutputID) })
	if err == nil && !slices.Equal(inputs, t.meta.Inputs) {
		t.meta.Inputs = inputs
		l.put(l.key, output, t.meta)
	}
	return t.meta, err
}
