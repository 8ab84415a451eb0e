// Package control carries the messages between the run and its supervisors over
// a Unix socket. It does not know what either does with them.
//
// A supervisor connects before it starts its test binary. In a round that
// runs some tests again it Asks which, and waits for the answer. Then it reports
// Started or Failed, and finally Ended. The run sends orders at any time. Each end
// treats a closed connection as the death of the other.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
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

// TempVariable is the environment variable that passes the user's GOTMPDIR to
// supervisors, if it is set. The run sets GOTMPDIR of its go command to the
// run's directory, so that go's files can be removed if go is killed;
// supervisors restore the user's value.
const TempVariable = "_PGTEST_GOTMPDIR"

// A Report is one message to the run. Exactly one field is set.
type Report struct {
	Asks    *Asks    `json:",omitempty"`
	Started *Started `json:",omitempty"`
	Failed  *Failed  `json:",omitempty"`
	Ended   *Ended   `json:",omitempty"`
	Tests   *Tests   `json:",omitempty"`
	Running *Running `json:",omitempty"`
	Began   *Began   `json:",omitempty"`
	Slow    *Slow    `json:",omitempty"`
	Leaked  *Leaked  `json:",omitempty"`
	// Stressed comes from the role that runs a test binary many times.
	Stressed *Stressed `json:",omitempty"`
	// Undivided comes from the role that runs tests in a process each.
	Undivided *Undivided `json:",omitempty"`
	// Last is sent by the run to itself. Connections are accepted in the order
	// in which they were made, so when Last arrives no earlier one is waiting.
	Last bool `json:",omitempty"`
}

// Asks asks which tests to run, before the test binary is started. The answer is
// an order with Selection set.
type Asks struct {
	// Package is as in Started.
	Package string
}

// Started reports that the test binary runs.
type Started struct {
	// Supervisor is the supervisor's process id.
	Supervisor int
	// PID is the test binary's process id, which is also the id of the process
	// group that it leads, unless tests have the terminal.
	PID int
	// Package is the import path of the package that the binary tests, or the
	// binary's path if its build information does not say.
	Package string
}

// Failed reports that the test binary could not be started.
type Failed struct {
	// Package is as in Started.
	Package string
	// Reason is an error's text.
	Reason string
}

// Ended reports that the test binary and everything that it started have ended.
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

// Tests reports that the sender, which replaces a test binary, is about to run
// it in several processes, each for a test or for all of them. The sender has a
// connection of its own, and starts none before it gets an order with Tests set.
type Tests struct {
	Package string
	Count   int // of the processes; 0 if nobody knows
}

// Running reports that a process of a test has started or ended.
type Running struct {
	Test string
	// PID is its process id.
	PID   int
	Ended bool
}

// Began reports how long a test has been running whose output is held back.
type Began struct {
	Package, Test string
	Elapsed       time.Duration
}

// Slow reports that a test has been running for longer than
// TestsOrder.SlowAfter.
type Slow struct {
	Package, Test string
	Elapsed       time.Duration
}

// Leaked reports that the process of a test left other processes behind.
type Leaked struct {
	Package string
	Leaks   []Leak
}

// Stressed reports how often a test binary was run, and whether a run failed.
type Stressed struct {
	Package string
	// Runs is how many runs came to their end in the time Elapsed.
	Runs    int
	Elapsed time.Duration
	// Failed says that the last of them failed.
	Failed bool `json:",omitempty"`
	// Kept is the path of a script that repeats the failed run, or "".
	Kept string `json:",omitempty"`
}

// Undivided reports that tests run without a process of their own though the
// user asked for one.
type Undivided struct {
	// Reason is shown to the user. The run shows equal reasons once.
	Reason string
}

// MaxLeaks bounds the leaked processes that one supervisor describes.
const MaxLeaks = proc.MaxDescribed

// Resources is what a package's processes used.
type Resources struct {
	// User and System are CPU time, summed over all processes.
	User, System time.Duration
	// MaxRSS is the peak resident set of the largest single process, in bytes.
	// If AtMost is set, the true value may be lower: a process inherits the
	// peak of the program that it ran before its exec, which was the
	// supervisor.
	MaxRSS int64
	AtMost bool `json:",omitempty"`
}

// Leak is a process that a test binary left behind.
type Leak struct {
	PID int
	// Test is the test that left the process behind, if tests have a process
	// each.
	Test string `json:",omitempty"`
	// Command is the command line, its words separated by spaces, cut to a
	// bounded length. It is empty if the process was gone before it was read.
	Command string
	// Escaped says that the process had left the test binary's process group.
	Escaped bool
	// End is how the process ended. It is empty if Alive is set.
	End LeakEnd
	// Alive is the reason why the process could not be ended, or "".
	Alive string `json:",omitempty"`
}

// LeakEnd is how a leaked process ended.
type LeakEnd string

const (
	EndedByTerm LeakEnd = "SIGTERM"
	EndedByKill LeakEnd = "SIGKILL"
)

// An Order tells a supervisor what to do.
type Order struct {
	// Signal, unless 0, is sent to the test binary and everything that it
	// started.
	Signal syscall.Signal `json:",omitempty"`
	// Kill ends the test binary and everything that it started, at once.
	Kill bool `json:",omitempty"`
	// Unread says that go is dead, so that nobody reads what the test binary
	// prints.
	Unread bool `json:",omitempty"`
	// Selection answers Asks.
	Selection *Selection `json:",omitempty"`
	// Tests is for the role that runs tests in a process each.
	Tests *TestsOrder `json:",omitempty"`
}

// A Selection is the part of a package's tests that runs again: of what the
// user's flags select, the tests in Only, with their parents and subtests, or
// with All everything but those in Except. Names are as in events.
type Selection struct {
	All          bool     `json:",omitempty"`
	Only, Except []string `json:",omitempty"`
	// Shuffle is the seed with which the tests were shuffled, or "".
	Shuffle string `json:",omitempty"`
}

// A TestsOrder says how tests run in a process each. A later one replaces an
// earlier one.
type TestsOrder struct {
	// Processes is how many may run at once.
	Processes int
	// SlowAfter is the running time after which a test is reported as slow; 0
	// disables the reports.
	SlowAfter time.Duration
}

// A Supervisor is the run's end of the connection to one supervisor.
type Supervisor struct {
	conn *os.File
	dec  *json.Decoder
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
func (s *Supervisor) Send(o Order) error {
	s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	return json.NewEncoder(s.conn).Encode(o)
}

// PID returns the id of the process that connected, or 0 if the system does not
// say.
func (s *Supervisor) PID() int { return peerOf(s.conn) }

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
		return fmt.Errorf("no temporary directory in %s: %w", filepath.Dir(l.dir), reason(err))
	}
	l.made = true
	if err := l.listen(l.dir); err != nil && l.listenElsewhere() != nil {
		return fmt.Errorf("no place for a socket: %w", err)
	}
	return nil
}

// reason returns an error without the path that it names.
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
		if l.listen(dir) == nil {
			l.other = dir
			return nil
		}
		os.RemoveAll(dir)
	}
	// The directory's base name belongs to this run alone.
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
		case isOwn(conn):
			return &Supervisor{conn: conn, dec: json.NewDecoder(conn)}, nil
		default:
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

// A Client is a supervisor's end of the connection to the run. A nil Client
// stands for no run: Report does nothing and Orders never delivers any.
type Client struct {
	conn   *os.File
	socket string
}

// Connect connects to the run that SocketVariable names, and removes the
// variable from the environment. It returns nil if the variable is not set.
func Connect() (*Client, error) {
	path := os.Getenv(SocketVariable)
	os.Unsetenv(SocketVariable)
	if path == "" {
		return nil, nil
	}
	return Dial(path)
}

// Dial connects to the socket at path. It tries again for dialPatience if the
// error is temporary, such as too many open descriptors.
func Dial(path string) (*Client, error) {
	for end := time.Now().Add(dialPatience); ; time.Sleep(shortPause) {
		run, err := dial(path)
		if !passes(err) || time.Now().After(end) {
			return run, err
		}
	}
}

const dialPatience = 2 * time.Second

// passes reports whether an error is temporary: too much of something in use.
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

// SayLast connects to the listener and sends Report.Last.
func (l *Listener) SayLast() error {
	last, err := dial(l.path)
	if err != nil {
		return err
	}
	defer last.Close()
	return last.Report(Report{Last: true})
}

// Socket returns the value of SocketVariable for another process that is to
// connect to the same run.
func (r *Client) Socket() string {
	if r == nil {
		return ""
	}
	return r.socket
}

// Report sends a message to the run. Callers that receive from Orders may
// ignore the error: Orders is closed if the run is gone.
func (r *Client) Report(m Report) error {
	if r == nil {
		return nil
	}
	return json.NewEncoder(r.conn).Encode(m)
}

// Orders returns a channel that delivers the run's orders and is closed when
// the run is gone.
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
