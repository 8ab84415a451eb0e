package harness

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// TestEventPipe reads a pipe to its end, and closes one that is being read.
func TestEventPipe(t *testing.T) {
	r, w, err := newEventPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 1000 {
			w.WriteString("a line\n")
		}
		w.Close()
	}()
	if got, err := io.ReadAll(r); err != nil || len(got) != 7000 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestEventPipeClosed closes a pipe while a read waits, and before it waits.
func TestEventPipeClosed(t *testing.T) {
	for i := range 50 {
		r, w, err := newEventPipe()
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() {
			w.WriteString("x")
			if i%2 == 0 {
				r.Close()
			}
			_, err := io.Copy(io.Discard, r)
			ended <- err
		}()
		r.Close()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Read still waits")
		}
		w.Close()
	}
}
