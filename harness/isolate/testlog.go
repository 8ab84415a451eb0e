//go:build unix

package isolate

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// replayTestlog reads the log that -test.testlogfile makes in the child, and
// looks at the same files and variables. That adds them to this process's log,
// on which go test's cache relies. If name is "", there is no log.
func replayTestlog(name string) {
	if name == "" {
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return // the child died, so its result isn't cached
	}
	seen := make(map[string]bool)
	dir := startDir
	for line := range strings.Lines(string(data)) {
		op, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		path := arg
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if op == "chdir" {
			dir = path
		}
		if key := op + " " + path; !seen[key] {
			seen[key] = true
			replay(op, arg, path)
		}
	}
}

func replay(op, arg, path string) {
	switch op {
	case "getenv":
		os.Getenv(arg)
	case "stat":
		os.Stat(path)
	case "open":
		// Nonblocking: the name may be a FIFO's.
		if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0); err == nil {
			f.Close()
		}
	}
}
