package control

import (
	"encoding/json"
	"errors"
	"os"
	"syscall"
	"time"

	"pgtest/harness/internal/message"
	"pgtest/harness/internal/socket"
	"pgtest/harness/override"
)

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

// RestoreEnvironment gives this process the user's values of the variables that the
// run has set for its go command.
func RestoreEnvironment() {
	for name, passed := range map[string]string{"GOTMPDIR": TempVariable, "GOCACHEPROG": ProgramVariable} {
		value, ok := os.LookupEnv(passed)
		os.Unsetenv(passed)
		if ok {
			os.Setenv(name, value)
		} else {
			os.Unsetenv(name)
		}
	}
}

// Overrides returns what OverridesVariable says, and removes the variable from the
// environment.
func Overrides() (override.Rules, error) {
	text := os.Getenv(OverridesVariable)
	os.Unsetenv(OverridesVariable)
	return override.Decode(text)
}

// Dial connects to the socket at path. It tries again for dialPatience if the
// error is temporary, such as too many open descriptors.
func Dial(path string) (*Client, error) {
	for end := time.Now().Add(dialPatience); ; time.Sleep(time.Millisecond) {
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
	conn, err := socket.Dial(path)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, socket: path}, nil
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
	return message.Receive[Order](r.conn)
}

// Close ends the connection.
func (r *Client) Close() error {
	if r == nil {
		return nil
	}
	return r.conn.Close()
}
