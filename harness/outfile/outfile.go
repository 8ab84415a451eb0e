// Package outfile writes the files that a run leaves behind: reports, which
// appear whole or not at all, and files of lines, whose lines are whole at any
// moment.
package outfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// openStream opens a path that is written in place: a descriptor, a device, a
// named pipe. It returns nil for any other path, and if nothing is there.
func openStream(path string) (*os.File, error) {
	if n, ok := descriptor(path); ok {
		return duplicate(n, path)
	}
	target := followLinks(path)
	if n, ok := descriptor(target); ok {
		return duplicate(n, path)
	}
	info, err := os.Stat(target)
	if err != nil || info.IsDir() || info.Mode().IsRegular() {
		return nil, nil
	}
	return os.OpenFile(target, os.O_WRONLY, 0)
}

// descriptor returns the number of the open descriptor that a path names.
// Opening such a path would start at the file's beginning, and overwrite what
// was written through the descriptor.
func descriptor(path string) (int, bool) {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if number, ok := strings.CutPrefix(path, dir); ok {
			n, err := strconv.Atoi(number)
			return n, err == nil
		}
	}
	return 0, false
}

// duplicate returns a file that shares the descriptor's offset. Children
// inherit neither from now on, unless the descriptor is a standard file:
// otherwise a process that outlives the run would keep the reader of a pipe
// waiting.
func duplicate(n int, path string) (*os.File, error) {
	flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_ACCMODE == unix.O_RDONLY {
		err = unix.EBADF
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if n > 2 {
		unix.CloseOnExec(n)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// followLinks resolves the symbolic links at the end of a path, whether the
// result exists or not. It stops at a descriptor.
func followLinks(path string) string {
	const limit = 40 // the kernel's
	target := path
	for range limit {
		if _, ok := descriptor(target); ok {
			return target
		}
		link, err := os.Readlink(target)
		if err != nil {
			return target
		}
		if !filepath.IsAbs(link) {
			// Don't Clean the path before the link of a directory is followed:
			// a/.. may not be the directory that contains a.
			link = filepath.Dir(target) + string(filepath.Separator) + link
		}
		target = link
	}
	return path
}

// named returns an error whose text is the path that the user gave and the bare
// reason.
func named(path string, err error) error {
	if err == nil {
		return nil
	}
	var already *pathError
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &already):
		return err
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &linkErr):
		err = linkErr.Err
	}
	return &pathError{path, err}
}

type pathError struct {
	path string
	err  error
}

func (e *pathError) Error() string { return e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// isProtected reports whether a sticky directory lets this user write a file,
// but not replace it.
func isProtected(path string, info fs.FileInfo) bool {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode()&fs.ModeSticky == 0 {
		return false
	}
	user := os.Geteuid()
	return user != 0 && int(statOf(info).Uid) != user && int(statOf(dir).Uid) != user
}

func statOf(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

// isImmutable reports whether a file may not be changed by any user, and so not
// be replaced either. Other refusals concern the file's content alone.
func isImmutable(err error) bool { return errors.Is(err, unix.EPERM) }
