// Package private makes directories in which nobody but one user can place or
// replace anything.
package private

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

// OpenDir returns the absolute path of dir without symbolic links, and creates
// what is missing of it. The directory must belong to the user, and only the user
// and root may be able to replace it. OpenDir removes the permissions of everybody
// else. If it returns an error, the directory can't be used.
func OpenDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if dir, err = makeDir(dir); err != nil {
		return "", err
	}
	if err := claimDir(dir); err != nil {
		return "", err
	}
	if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return "", &fs.PathError{Op: "use", Path: dir, Err: err}
	}
	return dir, nil
}

// maxSymlinks bounds the symbolic links that a path may lead through.
const maxSymlinks = 40

// makeDir returns the path of dir without symbolic links, and creates what is
// missing of it, for this user alone. It is an error, before anything is
// created or changed, if another user could rename a directory of the path or
// replace a link: that user could make this process write elsewhere.
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

// checkPassage returns an error unless only this user and root can change what
// the names in dir refer to.
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

func trustedOwner(info fs.FileInfo) bool { return statOf(info).Uid == 0 || Owns(info) }

// Owns reports whether a file belongs to the user.
func Owns(info fs.FileInfo) bool { return int(statOf(info).Uid) == os.Geteuid() }

func statOf(info fs.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

// ownGroup reports whether the file's group belongs to the user alone. By
// custom such a group has the user's number, and umask 002 is the default then.
func ownGroup(info fs.FileInfo) bool { return int(statOf(info).Gid) == os.Geteuid() }

// claimDir removes the permissions of everybody else from dir, which must
// belong to the user.
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
	if !Owns(info) {
		return fmt.Errorf("%s: belongs to another user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o700)
	}
	return nil
}
