package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"pgtest/harness/internal/message"
	"pgtest/harness/internal/socket"
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
	dirs []string // the run's directory, then others for the socket
	path string
	sock *socket.Listener

	open func() error
	made []string // those of dirs that Open made
}

// NewListener chooses a directory for the run below parent, or below the
// system's directory for temporary files if parent is "". It makes nothing, so
// that whoever removes Dirs can know of them before Open makes any.
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
	l := &Listener{}
	for _, place := range []string{parent, os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm"} {
		if dir := filepath.Join(place, name); filepath.IsAbs(place) && !slices.Contains(l.dirs, dir) {
			l.dirs = append(l.dirs, dir)
		}
	}
	l.open = sync.OnceValue(l.make)
	return l, nil
}

// Open makes the directory, which only this user can enter, and the socket in
// it. If the path is too long for a socket, or the file system or a policy
// refuses one, Open puts the socket elsewhere. A second call returns what the
// first did. The caller must close the listener.
func (l *Listener) Open() error { return l.open() }

func (l *Listener) make() error {
	if err := l.mkdir(l.Dir()); err != nil {
		return fmt.Errorf("no temporary directory in %s: %w", filepath.Dir(l.Dir()), errors.Unwrap(err))
	}
	if err := l.listen(filepath.Join(l.Dir(), socketName)); err != nil && l.listenElsewhere() != nil {
		return fmt.Errorf("no place for a socket: %w", err)
	}
	return nil
}

func (l *Listener) mkdir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		l.made = append(l.made, dir)
	}
	return err
}

// socketName is the name of the socket in its directory.
const socketName = "run"

func (l *Listener) listen(path string) (err error) {
	if l.sock, err = socket.Listen(path); err == nil {
		l.path = path
	}
	return err
}

// listenElsewhere makes the socket in one of the other directories, or an
// abstract one.
func (l *Listener) listenElsewhere() error {
	for _, dir := range l.dirs[1:] {
		if l.mkdir(dir) != nil {
			continue
		}
		if l.listen(filepath.Join(dir, socketName)) == nil {
			return nil
		}
		os.Remove(dir)
	}
	if runtime.GOOS != "linux" {
		return syscall.EOPNOTSUPP
	}
	// An abstract socket has no file. The directory's base name belongs to this
	// run alone.
	return l.listen("@" + filepath.Base(l.Dir()))
}

// Second makes another socket beside the first, for [DialSecond]. Close removes
// it. The listener must be open, and the caller must close the socket.
func (l *Listener) Second() (*socket.Listener, error) { return socket.Listen(second(l.path)) }

func second(path string) string { return strings.TrimSuffix(path, socketName) + secondName }

// DialSecond connects to the second socket of the run that SocketVariable names.
func DialSecond() (*os.File, error) {
	path := os.Getenv(SocketVariable)
	if path == "" {
		return nil, os.ErrNotExist
	}
	return socket.Dial(second(path))
}

// secondName is no longer than socketName, so that its path fits where the
// first one's does.
const secondName = "2nd"

// Path is the value for SocketVariable, once the listener is open.
func (l *Listener) Path() string { return l.path }

// Dir is the run's directory.
func (l *Listener) Dir() string { return l.dirs[0] }

// Dirs are the directories that Open may make: the run's, and those where the
// socket may be instead.
func (l *Listener) Dirs() []string { return l.dirs }

// Accept waits for the next supervisor. It fails only when the listener is
// closed.
func (l *Listener) Accept() (*Supervisor, error) {
	conn, pid, err := l.sock.Accept()
	if err != nil {
		return nil, err
	}
	return &Supervisor{conn: conn, dec: json.NewDecoder(conn), pid: pid}, nil
}

// Close removes the socket and what Open made, with all that is in it.
// Connections stay open.
func (l *Listener) Close() error {
	if l.sock != nil {
		l.sock.Close()
	}
	var err error
	for _, dir := range l.made {
		err = errors.Join(err, os.RemoveAll(dir))
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
