// Package control is what the run and its supervisors say to each other, over
// a Unix socket. It knows nothing of what either does with it.
//
// A supervisor connects before it starts its test binary, and says Started,
// or Failed, and in the end Ended. The run sends orders at any time. Both take
// the end of the connection for the death of the other.
package control

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// SocketVariable is the environment variable that names the run's socket to
// its supervisors. They remove it before they start a test binary, so a test
// that runs pgtest itself gets a run of its own.
const SocketVariable = "PGTEST_RUN"

// Report is one message to the run: exactly one field is set.
type Report struct {
	Started *Started `json:",omitempty"`
	Failed  *Failed  `json:",omitempty"`
	Ended   *Ended   `json:",omitempty"`
	// Last is the run's message to itself: connections are taken in the order in
	// which they were made, so no earlier one is waiting any more.
	Last bool `json:",omitempty"`
}

// Started says that the test binary runs.
type Started struct {
	// Supervisor is the supervisor's process id.
	Supervisor int
	// Group is the test binary's process id, which is also the id of the
	// process group that it leads.
	Group int
	// Binary is the path of the test binary.
	Binary string
}

// Failed says that the test binary could not be started.
type Failed struct {
	Binary string
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

// MaxLeaks bounds the leaked processes that one supervisor describes.
const MaxLeaks = 20

// Resources is what a package's processes used.
type Resources struct {
	// User and System are CPU time, summed over all processes.
	User, System time.Duration
	// MaxRSS is the peak resident set of the largest single process, in bytes.
	MaxRSS int64
}

// Leak is a process that a test binary left behind.
type Leak struct {
	PID int
	// Command is the command line, its words separated by spaces, cut to a
	// bounded length. It is empty if the process was gone before it was read.
	Command string
	// Escaped says that the process had left the test binary's process group.
	Escaped bool
	// End says how the process ended.
	End LeakEnd
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
}

// A Supervisor is the run's end of the connection to one supervisor.
type Supervisor struct {
	conn net.Conn
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

// Close ends the connection, on which the supervisor ends its processes.
func (s *Supervisor) Close() error { return s.conn.Close() }

// A Listener is the run's socket.
type Listener struct {
	dir  string
	sock *net.UnixListener
}

// Listen makes the run's socket in a new directory that only this user can
// enter. The caller closes it.
func Listen() (*Listener, error) {
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	l := &Listener{dir: dir}
	if len(l.Path()) > maxSocketPath {
		os.Remove(dir)
		if dir, err = os.MkdirTemp("/tmp", "pgtest-"); err != nil {
			return nil, err
		}
		l.dir = dir
	}
	l.sock, err = net.ListenUnix("unix", &net.UnixAddr{Name: l.Path(), Net: "unix"})
	if err != nil {
		os.Remove(dir)
		return nil, err
	}
	return l, nil
}

// maxSocketPath is the shortest of the systems' limits on the path of a Unix
// socket (sun_path of 104 bytes with its NUL on macOS and the BSDs).
const maxSocketPath = 103

const socketName = "run"

// Path is the value for SocketVariable.
func (l *Listener) Path() string { return filepath.Join(l.dir, socketName) }

// Accept waits for the next supervisor. A peer that runs as another user is
// turned away. An error says that the listener is closed.
func (l *Listener) Accept() (*Supervisor, error) {
	for {
		conn, err := l.sock.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, err := peerUID(conn); err != nil || uid != os.Geteuid() {
			conn.Close()
			continue
		}
		return &Supervisor{conn: conn, dec: json.NewDecoder(conn)}, nil
	}
}

// Close removes the socket and its directory. Connections stay open.
func (l *Listener) Close() error {
	err := l.sock.Close()
	os.Remove(l.Path())
	if rmErr := os.Remove(l.dir); err == nil {
		err = rmErr
	}
	return err
}

// A Run is a supervisor's end of the connection to the run.
type Run struct {
	path string
	conn *net.UnixConn
}

// Dial connects to the socket at path.
func Dial(path string) (*Run, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if uid, err := peerUID(conn); err != nil || uid != os.Geteuid() {
		conn.Close()
		return nil, fmt.Errorf("%s: not a socket of this user", path)
	}
	return &Run{path: path, conn: conn}, nil
}

// Report sends a message to the run.
func (r *Run) Report(m Report) error { return json.NewEncoder(r.conn).Encode(m) }

// Orders delivers the run's orders, and is closed when the run is gone.
func (r *Run) Orders() <-chan Order {
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
func (r *Run) Close() error { return r.conn.Close() }

// RemoveSocket removes the socket of a run that died without doing so, and
// its directory.
func (r *Run) RemoveSocket() {
	os.Remove(r.path)
	os.Remove(filepath.Dir(r.path))
}
