package linkcache

import (
	"encoding/json"
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
	conn   *os.File
	answer cacheprog.Response
}

// peerPatience is for the answer of a run that may have been stopped. It is
// longer than the run waits for the program.
const peerPatience = 10 * time.Second

// askShare asks for the link with key k. It returns nil if nobody answers.
func askShare(k key) *peer {
	conn, err := control.DialSecond()
	if err != nil {
		return nil
	}
	p := &peer{conn: conn}
	conn.SetReadDeadline(time.Now().Add(peerPatience))
	if message.Send(conn, question{Key: k[:]}) != nil || json.NewDecoder(conn).Decode(&p.answer) != nil {
		conn.Close()
		return nil
	}
	return p
}

// has reports whether the program has the link, by its own account.
func (p *peer) has() bool { return p != nil && !p.answer.Miss && filepath.IsAbs(p.answer.DiskPath) }

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

// fetch writes the link's output as the program has it, and returns what the
// linker printed and how long the link took where it was done. The cache gets no
// entry: the program has the file on this machine, and to ask it again costs less
// than a second copy. But if the link has inputs, which are described by what this
// machine has, to read them each time would cost more.
func (l *link) fetch(p *peer) (m meta, err error) {
	if !p.has() {
		return meta{}, os.ErrNotExist
	}
	// The file may be of any kind and size: opening it must not block, nor
	// reading take long.
	entry, err := os.OpenFile(p.answer.DiskPath, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return meta{}, err
	}
	defer entry.Close()
	info, err := entry.Stat()
	if err != nil {
		return meta{}, err
	}
	if !info.Mode().IsRegular() || info.Size() != p.answer.Size {
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
	err = t.extract(l.command.output, func(out *os.File) error { return t.unpack(out, entry, p.answer.OutputID) })
	if err == nil && !slices.Equal(inputs, t.meta.Inputs) {
		t.meta.Inputs = inputs
		l.put(l.key, l.command.output, t.meta)
	}
	return t.meta, err
}
