package eventfile

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestOpen opens files in all forms.
func TestOpen(t *testing.T) {
	events := strings.Repeat(`{"Action":"pass","Package":"p"}`+"\n", 1000)
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(events))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	run := "\x50\x2A\x4D\x18\x04\x00\x00\x00head" + b.String()
	for name, tt := range map[string]struct {
		file, want string
		seeks      bool
	}{
		"plain":      {events, events, true},
		"compressed": {b.String(), events, false},
		"exported":   {run, events, false},
		"cut off":    {run[:len(run)-3], "", false},
		"empty":      {"", "", true},
		"short":      {"\x28\xB5\x2F", "\x28\xB5\x2F", true},
		"near":       {"\x60\x2A\x4D\x18", "\x60\x2A\x4D\x18", true},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(tt.file), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(f)
		if _, seeks := f.(io.Seeker); err != nil || seeks != tt.seeks || tt.want != string(text) && (tt.want != "" || !strings.HasPrefix(events, string(text))) {
			t.Errorf("%s: %v, seeks %v: %q", name, err, seeks, text)
		}
		if err := f.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "file")
	if _, err := Open(path); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
	// A pipe, as a shell makes it for a command.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		io.WriteString(w, events)
		w.Close()
	}()
	f, err := Open("/dev/fd/" + fmt.Sprint(r.Fd()))
	if err != nil {
		t.Skipf("no name of a descriptor: %v", err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || string(text) != events {
		t.Errorf("pipe: %v: %d bytes", err, len(text))
	}
}
