package socket

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestAcceptOutlastsErrors has somebody connect while this process may open no
// descriptor: the connection is there when it may again.
func TestAcceptOutlastsErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, acceptErr := accept(l.file)
	accepted := make(chan *os.File, 1)
	go func() {
		conn, _, _ := l.Accept()
		accepted <- conn
	}()
	select {
	case conn := <-accepted:
		t.Errorf("accepted %v without descriptors", conn)
	case <-time.After(5 * shortPause):
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(acceptErr, syscall.EMFILE) {
		t.Errorf("accept without descriptors: %v", acceptErr)
	}
	conn := <-accepted
	if conn == nil {
		t.Fatal("not accepted")
	}
	conn.Close()
}
