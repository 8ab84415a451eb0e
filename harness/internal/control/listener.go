package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/internal/message"
)

// A Supervisor is the run's end of the connection to one supervisor.
type Supervisor struct {
	conn *os.File
	dec  *json.Decoder
	pid  int
}

// Next waits for the supervisor's next message. Any error, io.EOF included,
// means that the supervisor is gone.
func (s *Supervisor) Next() (Report, error) {
	var r Report
	err := s.dec.Decode(&r)
	return r, err
}

// Send sends an order to the supervisor. It waits up to a second for the socket
// to take the order, and does not wait for the order to be carried out.
func (s *Supervisor) Send(o Order) error { return message.Send(s.conn, o) }

// PID returns the id of the process that connected, or 0 if the system does not
// say.
func (s *Supervisor) PID() int { return s.pid }

// Close ends the connection. The supervisor then ends its processes.
func (s *Supervisor) Close() error { return s.conn.Close() }

// A Listener is the run's socket.
type Listener struct {
	dir   string
	other string // the socket's directory if dir can't hold a socket, else ""
	path  string
	sock  *os.File

	open   func() error
	made   bool          // dir was made
	closed chan struct{} // closed by Close
	once   sync.Once
}

// NewListener chooses a directory for the run below parent, or below the
// system's directory for temporary files if parent is "". It makes nothing, so
// that whoever removes the directory can know of it before Open makes it.
func NewListener(parent string) (*Listener, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	// Supervisors have other working directories.
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	// So many names that none is taken.
	name := fmt.Sprintf("pgtest-%d", rand.Uint64N(1e15))
	l := &Listener{dir: filepath.Join(parent, name), closed: make(chan struct{})}
	l.open = sync.OnceValue(l.make)
	return l, nil
}

// Open makes the directory, which only this user can enter, and the socket in
// it. If the path is too long for a socket, or the file system or a policy
// refuses one, Open puts the socket elsewhere. A second call returns what the
// first did. The caller must close the listener.
func (l *Listener) Open() error { return l.open() }

func (l *Listener) make() error {
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		return fmt.Errorf("no temporary directory in %s: %w", filepath.Dir(l.dir), errors.Unwrap(err))
	}
	l.made = true
	if err := l.listen(filepath.Join(l.dir, socketName)); err != nil && l.listenElsewhere() != nil {
		return fmt.Errorf("no place for a socket: %w", err)
	}
	return nil
}

// socketName is the name of the socket in its directory.
const socketName = "run"

func (l *Listener) listen(path string) (err error) {
	if len(path) > maxSocketPath {
		return &os.PathError{Op: "bind", Path: path, Err: syscall.ENAMETOOLONG}
	}
	if l.sock, err = listenUnix(path); err == nil {
		l.path = path
	}
	return err
}

// listenElsewhere makes the socket in another directory, or an abstract one.
func (l *Listener) listenElsewhere() error {
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm"} {
		if !filepath.IsAbs(parent) {
			continue
		}
		dir, err := os.MkdirTemp(parent, "pgtest-")
		if err != nil {
			continue
		}
		if l.listen(filepath.Join(dir, socketName)) == nil {
			l.other = dir
			return nil
		}
		os.RemoveAll(dir)
	}
	if runtime.GOOS != "linux" {
		return syscall.EOPNOTSUPP
	}
	// An abstract socket has no file. Every user can connect to it, so both
	// ends check the other's user, as they do for any socket. The directory's
	// base name belongs to this run alone.
	return l.listen("@" + filepath.Base(l.dir))
}

// maxSocketPath is the shortest of the systems' limits on the path of a Unix
// socket (sun_path of 104 bytes with its NUL on macOS and the BSDs).
const maxSocketPath = 103

// Path is the value for SocketVariable, once the listener is open.
func (l *Listener) Path() string { return l.path }

// Dir is the run's directory, which Close removes.
func (l *Listener) Dir() string { return l.dir }

// Accept waits for the next supervisor. It closes connections of other users.
// It fails only when the listener is closed: other errors, such as too many
// open descriptors, are temporary, and connections wait in the socket's queue.
func (l *Listener) Accept() (*Supervisor, error) {
	for pause := shortPause; ; {
		conn, err := acceptUnix(l.sock)
		switch {
		case l.isClosed():
			if err == nil {
				conn.Close()
			}
			return nil, os.ErrClosed
		case err != nil:
			select {
			case <-time.After(pause):
			case <-l.closed:
			}
			pause = min(2*pause, longPause)
		default:
			if pid, own := peerOf(conn); own {
				return &Supervisor{conn: conn, dec: json.NewDecoder(conn), pid: pid}, nil
			}
			conn.Close()
		}
	}
}

// The bounds of the pause after a failed attempt to accept.
const (
	shortPause = time.Millisecond
	longPause  = 100 * time.Millisecond
)

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Close removes the socket and the run's directory with all that is in it.
// Connections stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	if l.sock != nil {
		l.sock.Close()
	}
	var err error
	if l.made {
		err = os.RemoveAll(l.dir)
	}
	if l.other != "" {
		err = errors.Join(err, os.RemoveAll(l.other))
	}
	return err
}

// SayLast connects to the listener and sends Report.Last.
func (l *Listener) SayLast() error {
	last, err := dial(l.path)
	if err != nil {
		return err
	}
	defer last.Close()
	return last.Report(Report{Last: true})
}
