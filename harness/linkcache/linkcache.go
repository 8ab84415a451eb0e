// Package linkcache keeps linked test binaries between runs. The go command
// starts its tools through [Tool], which takes a link's output from a directory
// of earlier links if it can. The package knows the linker's command line and
// nothing of tests.
package linkcache

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/private"
	"pgtest/harness/linkcache/toolexec"
)

// Role is the word after the program in the go command's -toolexec. A program
// that is started with it must call [Tool].
const Role = toolexec.Role

const (
	// DefaultMaxSize bounds the total size of the entries, in bytes.
	DefaultMaxSize = 4 << 30

	// DefaultMaxAge is how long an entry may go unused.
	DefaultMaxAge = 5 * 24 * time.Hour
)

// DefaultDir returns the user's link cache directory, below
// [os.UserCacheDir]. It creates nothing.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "pgtest", "link"), nil
}

// A Cache is a directory of linked binaries that belongs to one user. Any
// number of processes may use it at once. The zero Cache keeps nothing.
type Cache struct {
	// MaxSize bounds the total size that Trim leaves, in bytes, and MaxAge how
	// long an entry may go unused. Open sets the defaults.
	MaxSize int64
	MaxAge  time.Duration

	// Program is the go command's setting GOCACHEPROG, a program that may have
	// links of other machines. [Cache.Share] runs it.
	Program string

	// Build describes what the run builds. Runs with the same description ask Program
	// for much the same.
	Build []string

	// Outcomes is a file that gets a line for each link through [Tool], which
	// [Outcomes] reads; "" is none.
	Outcomes string

	// AtOnce is how many tools run at once, as many as the go command starts if it
	// is 0. Places is a directory where they find out.
	AtOnce int
	Places string

	// Quick has the compiler take memory, up to about 512 MB, to save time.
	Quick bool

	dir string
}

// Open returns the cache in dir, which it creates if need be. The directory
// must belong to the user, and only the user and root may be able to replace
// it. Open removes the permissions of everybody else. If it returns an error,
// the cache can't be used.
func Open(dir string) (*Cache, error) {
	dir, err := private.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	return &Cache{MaxSize: DefaultMaxSize, MaxAge: DefaultMaxAge, dir: dir}, nil
}

// Dir returns the absolute path of the cache's directory, without symbolic
// links.
func (c *Cache) Dir() string { return c.dir }

// Toolexec returns the value of go's -toolexec flag that makes the go command
// start its tools through the cache. self is the program that calls [Tool] when
// it is started with [Role]. user are the words of the user's own -toolexec,
// which stay directly before the tool. The value is the same from run to run,
// but for Outcomes and Places. The error says which word can't be quoted for the go command.
func (c *Cache) Toolexec(self string, user []string) (string, error) {
	t := toolexec.Command{Dir: c.dir, Outcomes: c.Outcomes, Places: c.Places, AtOnce: c.AtOnce, Quick: c.Quick, Wrap: len(user), Words: user}
	return gotest.JoinQuoted(append([]string{self, Role}, t.Args()...))
}

// ParseSize reads a size in bytes: a number that may have a fraction and may
// be followed by B or by K, M, G or T, these with or without B or iB. All are
// powers of 1024, and upper and lower case are the same.
func ParseSize(s string) (int64, error) {
	letters := strings.TrimLeft(s, "0123456789. ")
	unit, ok := units[lowerASCII(letters)]
	n, err := strconv.ParseFloat(strings.TrimSpace(s[:len(s)-len(letters)]), 64)
	if !ok || err != nil || n*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; write 4GiB or 500M", s)
	}
	return int64(n * unit), nil
}

// lowerASCII leaves other letters alone: the Kelvin sign is no k.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30,
	"t": 1 << 40, "tb": 1 << 40, "tib": 1 << 40,
}
