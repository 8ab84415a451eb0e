package control

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"pgtest/harness/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens a listener, which is closed if that fails.
func listen(parent string) (*Listener, error) {
	l, err := NewListener(parent)
	if err != nil {
		return nil, err
	}
	if err := l.Open(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func TestConversation(t *testing.T) {
	l, err := listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	run, err := Dial(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	supervisor, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	reports := []Report{
		{Started: &Started{Supervisor: 1, PID: 2, Package: "p"}},
		{Ended: &Ended{ExitCode: -1, Signal: syscall.SIGTERM, Leaks: []Leak{{PID: 3, Command: "sleep 1", Escaped: true, End: EndedByKill}}}},
	}
	for _, want := range reports {
		if err := run.Report(want); err != nil {
			t.Fatal(err)
		}
		if got, err := supervisor.Next(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	orders := run.Orders()
	for _, want := range []Order{{Signal: syscall.SIGINT}, {Kill: true}} {
		if err := supervisor.Send(want); err != nil {
			t.Fatal(err)
		}
		if got := <-orders; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	supervisor.Close()
	if _, ok := <-orders; ok {
		t.Error("orders go on after the run's end")
	}
	run.Close()
}

func TestPeerGone(t *testing.T) {
	l, err := listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	run, err := Dial(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	supervisor, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer supervisor.Close()
	if _, err := supervisor.Next(); err != io.EOF {
		t.Errorf("Next() = %v, want EOF", err)
	}
}

func TestCloseUnblocksAccept(t *testing.T) {
	l, err := listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error)
	go func() {
		_, err := l.Accept()
		accepted <- err
	}()
	l.Close()
	if err := <-accepted; err == nil {
		t.Error("Accept succeeded on a closed listener")
	}
	if _, err := os.Stat(l.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// TestLongDirectory is about directories whose sockets have paths too long for
// the kernel.
func TestLongDirectory(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 120))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := listen(long)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(l.Dir()) != long {
		t.Errorf("directory %s, want one in %s", l.Dir(), long)
	}
	run, err := Dial(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	if info, err := os.Stat(filepath.Dir(l.Path())); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v", info.Mode(), err)
	}
	l.Close()
	if _, err := os.Stat(filepath.Dir(l.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's directory is still there: %v", err)
	}
}

func TestNoSocket(t *testing.T) {
	if _, err := Dial(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Dial = %v", err)
	}
	if _, err := listen(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("listen = %v", err)
	}
}

// TestSocketElsewhere refuses sockets in some places. Wherever the socket is
// then, it can be reached from any directory, and nothing of it is left.
func TestSocketElsewhere(t *testing.T) {
	defer func() { socket.Bind = unix.Bind }()
	runtimeDir, err := os.MkdirTemp("/tmp", "run-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(runtimeDir)
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for _, tt := range []struct{ name, allowed string }{
		{"the run's directory", tmp},
		{"XDG_RUNTIME_DIR", runtimeDir},
		{"the system's directory", "/tmp"},
		{"memory", "/dev/shm"},
		{"no directory", "@"},
		{"nowhere", "nowhere"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := os.Stat(tt.allowed); tt.allowed == "/dev/shm" && err != nil || tt.allowed == "@" && runtime.GOOS != "linux" {
				t.Skip("not on this system")
			}
			var tried []string
			socket.Bind = func(fd int, address unix.Sockaddr) error {
				path := address.(*unix.SockaddrUnix).Name
				tried = append(tried, path)
				if !strings.HasPrefix(path, tt.allowed) || tt.allowed == "/tmp" && filepath.Dir(filepath.Dir(path)) != "/tmp" {
					return unix.EPERM
				}
				return unix.Bind(fd, address)
			}
			l, err := listen("")
			if tt.allowed == "nowhere" {
				if err == nil || !strings.HasPrefix(err.Error(), "no place for a socket: bind "+tmp) || !errors.Is(err, unix.EPERM) {
					t.Errorf("listen = %v", err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				run, err := Dial(l.Path())
				if err != nil {
					t.Fatal(err)
				}
				run.Close()
				l.Close()
			}
			for _, path := range tried {
				if _, err := os.Stat(filepath.Dir(path)); !strings.HasPrefix(path, "@") && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s is left: %v", filepath.Dir(path), err)
				}
			}
		})
	}
}

// TestRelativeDirectory reaches the run from another directory than its own.
func TestRelativeDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, parent := range []string{"tmp", ""} {
		t.Setenv("TMPDIR", "tmp")
		l, err := listen(parent)
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(l.Dir()) || !filepath.IsAbs(l.Path()) {
			t.Errorf("%q: directory %s, socket %s", parent, l.Dir(), l.Path())
		}
		l.Close()
	}
}
