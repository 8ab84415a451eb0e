package linkcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxSymlinks is how many symbolic links a path may lead through.
const maxSymlinks = 40

// makeDir returns the path of dir without symbolic links. What is missing of
// it is created, for the user alone. Whoever could rename a directory of the
// path, or set a link anew, could make us write elsewhere in the user's name:
// that is an error, before anything is created or changed.
func makeDir(dir string) (string, error) {
	real, rest, links := "/", dir, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			real = filepath.Dir(real)
			continue
		}
		if err := checkPassage(real); err != nil {
			return "", err
		}
		next := filepath.Join(real, name)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			if err := os.Mkdir(next, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			info, err = os.Lstat(next)
		}
		if err != nil {
			return "", err
		}
		if info.Mode().Type() != fs.ModeSymlink {
			real = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if links++; links > maxSymlinks {
			return "", &fs.PathError{Op: "open", Path: dir, Err: unix.ELOOP}
		}
		if !trustedOwner(info) {
			return "", fmt.Errorf("%s: symbolic link of another user", next)
		}
		if filepath.IsAbs(target) {
			real = "/"
		}
		rest = target + "/" + rest
	}
	return real, nil
}

// checkPassage reports an error unless only the user and root can change what
// the names in dir stand for.
func checkPassage(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: not a directory", dir)
	}
	if !trustedOwner(info) {
		return fmt.Errorf("%s: belongs to another user", dir)
	}
	writable := info.Mode().Perm() & 0o022
	if ownGroup(info) {
		writable &= 0o002
	}
	if writable != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%s: other users can write into it", dir)
	}
	return nil
}

func trustedOwner(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 || ownFile(info)
}

// ownGroup reports whether the file's group is the user's alone, which by
// custom has the user's number. Where it is the default, so is umask 002.
func ownGroup(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Gid) == os.Geteuid()
}

// claimDir takes the permissions of dir from everybody but the user, whose
// directory it must be.
func claimDir(dir string) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("%s: not a directory", dir)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !ownFile(info) {
		return fmt.Errorf("%s: belongs to another user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o700)
	}
	return nil
}
