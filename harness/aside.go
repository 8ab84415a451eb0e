package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/watchdog"
)

// GoAside runs the go command beside runs and returns what it prints. The error holds
// what it says on standard error, if it fails. If ctx is canceled, the command and what
// it started are ended. Whatever ends it, or this process, its files are removed: go
// vet leaves its work directory behind if it is interrupted.
func GoAside(ctx context.Context, dir string, args []string) ([]byte, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return nil, notFound("go", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	parent := gotest.Env("GOTMPDIR")
	if parent == "" {
		parent = os.TempDir()
	}
	if parent, err = filepath.Abs(parent); err != nil {
		return nil, err
	}
	temp := filepath.Join(parent, fmt.Sprintf("pgtest-go-%d", rand.Uint64N(1e15)))
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTMPDIR="+temp)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	open := func() error { return os.Mkdir(temp, 0o700) }
	w, err := watchdog.Start([]string{self, watchdog.Role}, []string{temp}, open, cmd)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.Ended():
	case <-ctx.Done():
	}
	w.Finish(true)
	status, known := w.Status()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !known:
		return nil, errors.New("go: its parent was killed")
	case status == 0:
		return out.Bytes(), nil
	case said.Len() > 0:
		return out.Bytes(), errors.New(strings.TrimSpace(said.String()))
	case status.Signaled():
		return out.Bytes(), fmt.Errorf("go: signal: %v", status.Signal())
	}
	return out.Bytes(), fmt.Errorf("go: exit status %d", status.ExitStatus())
}
