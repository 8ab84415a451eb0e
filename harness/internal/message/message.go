// Package message sends messages between the processes of a run: JSON values, in
// order, through a pipe or a socket.
package message

import (
	"encoding/json"
	"io"
	"os"
	"time"
)

// Receive returns a channel that delivers what Send writes to the other end,
// and is closed when that is closed or writes anything else.
func Receive[T any](from io.Reader) <-chan T {
	messages := make(chan T)
	go func() {
		defer close(messages)
		for dec := json.NewDecoder(from); ; {
			var m T
			if dec.Decode(&m) != nil {
				return
			}
			messages <- m
		}
	}()
	return messages
}

// Send writes a message as JSON. It waits up to a second for the pipe or socket
// to take it.
func Send(to *os.File, message any) error {
	to.SetWriteDeadline(time.Now().Add(time.Second))
	return json.NewEncoder(to).Encode(message)
}
