// Package cacheprog has the messages between the go command and the program that
// its setting GOCACHEPROG names, as in cmd/go/internal/cacheprog. Each is a line of
// JSON. Behind a request with a body comes that, as a JSON string in base64.
package cacheprog

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"
)

// A Request asks the program for something. What it can do it says first, in an
// answer with ID 0.
type Request struct {
	ID       int64
	Command  string // "get", "put" or "close"
	ActionID []byte `json:",omitempty"`
	OutputID []byte `json:",omitempty"`
	BodySize int64  `json:",omitempty"`
}

// A Response answers the request with its ID, in any order.
type Response struct {
	ID            int64
	Err           string     `json:",omitempty"`
	KnownCommands []string   `json:",omitempty"`
	Miss          bool       `json:",omitempty"`
	OutputID      []byte     `json:",omitempty"`
	Size          int64      `json:",omitempty"`
	Time          *time.Time `json:",omitempty"` // of the put
	DiskPath      string     `json:",omitempty"`
}

// Write writes a request, with its body if that is not nil.
func Write(to io.Writer, r Request, body io.Reader) error {
	w := bufio.NewWriterSize(to, 64<<10)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return err
	}
	if body != nil {
		w.WriteString("\n\"")
		encoder := base64.NewEncoder(base64.StdEncoding, w)
		if _, err := io.Copy(encoder, body); err != nil {
			return err
		}
		if err := encoder.Close(); err != nil {
			return err
		}
		w.WriteString("\"\n")
	}
	return w.Flush()
}
