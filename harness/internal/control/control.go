// Package control is what the run and its supervisors say to each other, over
// a Unix socket. It knows nothing of what either does with it.
//
// A supervisor connects before it starts its test binary, and says Started,
// or Failed, and in the end Ended. The run sends orders at any time. Both take
// the end of the connection for the death of the other.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"pgtest/harness/internal/proc"
)

// SocketVariable is the environment variable that names the run's socket to
// its supervisors. They remove it before they start a test binary, so a test
// that runs pgtest itself gets a run of its own.
const SocketVariable = "_PGTEST_RUN"

// TempVariable is the environment variable that tells supervisors the user's
// GOTMPDIR, if there is one. The go command of a run gets the run's directory
// for its own, so that it can be removed if go is killed; supervisors put the
// user's back.
const TempVariable = "_PGTEST_GOTMPDIR"

// Report is one message to the run: exactly one field is set.
type Report struct {
	Started *Started `json:",omitempty"`
	Failed  *Failed  `json:",omitempty"`
	Ended   *Ended   `json:",omitempty"`
	Tests   *Tests   `json:",omitempty"`
	Running *Running `json:",omitempty"`
	Began   *Began   `json:",omitempty"`
	Slow    *Slow    `json:",omitempty"`
	Leaked  *Leaked  `json:",omitempty"`
	// Undivided comes from who runs tests in a process each.
	Undivided *Undivided `json:",omitempty"`
	// Last is the run's message to itself: connections are taken in the order
	// in which they were made, so no earlier one is waiting any more.
	Last bool `json:",omitempty"`
}

// Started says that the test binary runs.
type Started struct {
	// Supervisor is the supervisor's process id.
	Supervisor int
	// PID is the test binary's process id, which is also the id of the process
	// group that it leads, unless tests have the terminal.
	PID int
	// Package is the import path of the package that the binary tests, or the
	// binary's path if it does not tell.
	Package string
}

// Failed says that the test binary could not be started.
type Failed struct {
	// Package is as in Started.
	Package string
	// Reason is an error's text.
	Reason string
}

// Ended says that the test binary ended, and everything with it.
type Ended struct {
	// ExitCode is the exit status, or -1 if Signal ended the process.
	ExitCode int
	// Signal is the signal that ended the process, or 0.
	Signal syscall.Signal
	// Resources is what the process and everything that it left behind used.
	Resources Resources
	// Leaks are processes that were still alive after the leader's end, in
	// the order of their ids, at most MaxLeaks of them.
	Leaks []Leak `json:",omitempty"`
	// MoreLeaks counts the leaked processes that Leaks leaves out.
	MoreLeaks int `json:",omitempty"`
}

// Tests says that the sender, which stands in a test binary's place, is about
// to run the package's tests in a process each. It has a connection of its own
// and waits for an order that says how many at once.
type Tests struct {
	Package string
	Count   int
}

// Running says that a process of a test has started or ended.
type Running struct {
	Test string
	// PID is its process id.
	PID   int
	Ended bool
}

// Began says for how long a test has been running whose output is kept back.
type Began struct {
	Package, Test string
	Elapsed       time.Duration
}

// Slow says that a test has been running for long.
type Slow struct {
	Package, Test string
	Elapsed       time.Duration
}

// Leaked says that the process of a test left others behind.
type Leaked struct {
	Package string
	Leaks   []Leak
}

// Undivided says that tests have no process of their own though they should.
type Undivided struct {
	// Reason is for the user. The run shows equal ones once.
	Reason string
}

// MaxLeaks bounds the leaked processes that one supervisor describes.
const MaxLeaks = proc.MaxDescribed

// Resources is what a package's processes used.
type Resources struct {
	// User and System are CPU time, summed over all processes.
	User, System time.Duration
	// MaxRSS is the peak resident set of the largest single process, in bytes.
	// With AtMost it may have been less: the kernel hands on the peak of the
	// program that a process was before, which was the supervisor.
	MaxRSS int64
	AtMost bool `json:",omitempty"`
}

// Leak is a process that a test binary left behind.
type Leak struct {
	PID int
	// Test is the test that left it, if each has a process of its own.
	Test string `json:",omitempty"`
	// Command is the command line, its words separated by spaces, cut to a
	// bounded length. It is empty if the process was gone before it was read.
	Command string
	// Escaped says that the process had left the test binary's process group.
	Escaped bool
	// End says how the process ended, unless it is Alive.
	End LeakEnd
	// Alive says why the process could not be ended; "" if it was.
	Alive string `json:",omitempty"`
}

// LeakEnd is how a leaked process ended.
type LeakEnd string

const (
	EndedByTerm LeakEnd = "SIGTERM"
	EndedByKill LeakEnd = "SIGKILL"
)

// Order is what the run tells a supervisor to do.
type Order struct {
	// Signal is sent to everything that the test binary started, itself
	// included. Zero is none.
	Signal syscall.Signal `json:",omitempty"`
	// Kill ends the test binary and everything that it started, at once.
	Kill bool `json:",omitempty"`
	// Unread says that go is dead, and nobody reads what the test binary
	// prints.
	Unread bool `json:",omitempty"`
	// Tests is for who runs tests in a process each.
	Tests *TestsOrder `json:",omitempty"`
}

// TestsOrder says how tests are run in a process each. A later one replaces
// it.
type TestsOrder struct {
	// Processes is how many may run at once.
	Processes int
	// SlowAfter is when a test is reported as slow; 0 is never.
	SlowAfter time.Duration
}

// A Supervisor is the run's end of the connection to one supervisor.
type Supervisor struct {
	conn *os.File
	dec  *json.Decoder
}

// Next waits for the supervisor's next message. An error, io.EOF among them,
// says that there will be none: the supervisor is gone.
func (s *Supervisor) Next() (Report, error) {
	var r Report
	err := s.dec.Decode(&r)
	return r, err
}

// Send gives the supervisor an order. It does not wait for it to be carried
// out, and not longer than a second for it to be taken.
func (s *Supervisor) Send(o Order) error {
	s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	return json.NewEncoder(s.conn).Encode(o)
}

// PID returns the id of the process that connected, or 0 if the system does not
// tell.
func (s *Supervisor) PID() int { return peerOf(s.conn) }

// Close ends the connection, on which the supervisor ends its processes.
func (s *Supervisor) Close() error { return s.conn.Close() }

// A Listener is the run's socket.
type Listener struct {
	dir   string
	other string // a second directory, if there can be no socket in dir; or ""
	path  string
	sock  *os.File

	closed chan struct{} // closed by Close
	once   sync.Once
}

// Listen makes the run's socket in a new directory below parent, or below the
// system's directory for temporary files if parent is "". Only this user can
// enter it. Where there can be no socket, because the path is too long or the
// file system or a policy refuses it, the socket is made somewhere else. The
// caller closes the listener.
func Listen(parent string) (*Listener, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	// Supervisors work in other directories.
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "pgtest-")
	if err != nil {
		return nil, fmt.Errorf("no temporary directory in %s: %w", parent, reason(err))
	}
	l := &Listener{dir: dir, closed: make(chan struct{})}
	if err = l.listen(dir); err != nil && l.listenElsewhere() != nil {
		l.Close()
		return nil, fmt.Errorf("no place for a socket: %w", err)
	}
	return l, nil
}

// reason is an error without the path that it names.
func reason(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// listen makes the socket in dir.
func (l *Listener) listen(dir string) (err error) {
	path := filepath.Join(dir, "run")
	if len(path) > maxSocketPath {
		return &os.PathError{Op: "bind", Path: path, Err: syscall.ENAMETOOLONG}
	}
	if l.sock, err = listenUnix(path); err == nil {
		l.path = path
	}
	return err
}

// listenElsewhere makes the socket in a second directory, or without one.
func (l *Listener) listenElsewhere() error {
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp", "/dev/shm"} {
		if !filepath.IsAbs(parent) {
			continue
		}
		dir, err := os.MkdirTemp(parent, "pgtest-")
		if err != nil {
			continue
		}
		if l.listen(dir) == nil {
			l.other = dir
			return nil
		}
		os.RemoveAll(dir)
	}
	// The directory's name is this run's alone.
	name := abstractName(filepath.Base(l.dir))
	if name == "" {
		return syscall.EOPNOTSUPP
	}
	sock, err := listenUnix(name)
	if err == nil {
		l.sock, l.path = sock, name
	}
	return err
}

// maxSocketPath is the shortest of the systems' limits on the path of a Unix
// socket (sun_path of 104 bytes with its NUL on macOS and the BSDs).
const maxSocketPath = 103

// Path is the value for SocketVariable.
func (l *Listener) Path() string { return l.path }

// Dir is the run's directory, which Close removes.
func (l *Listener) Dir() string { return l.dir }

// Accept waits for the next supervisor. A peer that runs as another user is
// turned away. It fails only when the listener is closed: what else can go
// wrong, such as a process out of descriptors, passes, and the peers wait.
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
		case isOwn(conn):
			return &Supervisor{conn: conn, dec: json.NewDecoder(conn)}, nil
		default:
			conn.Close()
		}
	}
}

// The pauses between attempts to accept that failed.
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
	err := os.RemoveAll(l.dir)
	if l.other != "" {
		err = errors.Join(err, os.RemoveAll(l.other))
	}
	return err
}

// A Client is a supervisor's end of the connection to the run. A nil one has no
// run: reports go nowhere, and there are no orders.
type Client struct {
	conn   *os.File
	socket string
}

// Connect connects to the run that the environment names, and removes the name
// from the environment. It returns nil if there is none.
func Connect() (*Client, error) {
	path := os.Getenv(SocketVariable)
	os.Unsetenv(SocketVariable)
	if path == "" {
		return nil, nil
	}
	return Dial(path)
}

// Dial connects to the socket at path. What passes, such as a system out of
// descriptors, it waits for, for a moment.
func Dial(path string) (*Client, error) {
	for end := time.Now().Add(dialPatience); ; time.Sleep(shortPause) {
		run, err := dial(path)
		if !passes(err) || time.Now().After(end) {
			return run, err
		}
	}
}

const dialPatience = 2 * time.Second

// passes says whether an error is one of too many at once.
func passes(err error) bool {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func dial(path string) (*Client, error) {
	conn, err := dialUnix(path)
	if err != nil {
		return nil, err
	}
	if !isOwn(conn) {
		conn.Close()
		return nil, fmt.Errorf("%s: not a socket of this user", path)
	}
	return &Client{conn: conn, socket: path}, nil
}

// SayLast makes the listener's own connection, which says Last.
func (l *Listener) SayLast() error {
	last, err := dial(l.path)
	if err != nil {
		return err
	}
	defer last.Close()
	return last.Report(Report{Last: true})
}

// Socket is the value for SocketVariable of another process that is to connect.
func (r *Client) Socket() string {
	if r == nil {
		return ""
	}
	return r.socket
}

// Report sends a message to the run. An error is no news to who listens to
// orders: their end tells the same.
func (r *Client) Report(m Report) error {
	if r == nil {
		return nil
	}
	return json.NewEncoder(r.conn).Encode(m)
}

// Orders delivers the run's orders, and is closed when the run is gone.
func (r *Client) Orders() <-chan Order {
	if r == nil {
		return nil
	}
	orders := make(chan Order)
	go func() {
		defer close(orders)
		for dec := json.NewDecoder(r.conn); ; {
			var o Order
			if dec.Decode(&o) != nil {
				return
			}
			orders <- o
		}
	}()
	return orders
}

// Close ends the connection.
func (r *Client) Close() error {
	if r == nil {
		return nil
	}
	return r.conn.Close()
}
