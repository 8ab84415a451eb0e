package linkcache

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/message"
)

// A peer is a link's end of the connection to the [Share] of its run. A nil peer
// stands for none: it has nothing and takes nothing.
type peer struct {
	conn   *os.File
	answer response
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

// fetch copies the link's entry from the program into the cache, with the
// inputs described as this machine has them, and returns how long the link took
// where it was done.
func (l *link) fetch(p *peer) (took time.Duration, err error) {
	if !p.has() {
		return 0, os.ErrNotExist
	}
	// The file may be of any kind and size: opening it must not block, nor
	// reading take long.
	body, err := os.OpenFile(p.answer.DiskPath, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	info, err := body.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size() != p.answer.Size {
		return 0, errDamaged
	}
	m, size, s, err := readTail(body, l.key)
	if err != nil {
		return 0, err
	}
	if id, _, err := outputID(body); err != nil || !bytes.Equal(id, p.answer.OutputID) {
		return 0, errors.Join(err, errDamaged)
	}
	var unchanged bool
	if m.Inputs, unchanged = present(m.Inputs); !unchanged {
		return 0, errInputsChanged
	}
	return m.Took, l.replace(l.entryPath(l.key), func(temp *os.File) error {
		return writeEntry(temp, body, size, s, l.key, m)
	})
}
