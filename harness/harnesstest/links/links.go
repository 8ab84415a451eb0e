// Package links keeps the go commands of tests from linking a test binary again
// and again.
package links

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
	"pgtest/harness/linkcache"
)

// Flag returns a word for GOFLAGS with which go commands link a test binary once,
// as pgtest, the path of the command, does: in a link cache in dir, which the
// caller owns. It is "" where a link cache can't be, as in a user namespace, in which
// the root directory is another's. Package linkcache has the tests that compare such
// binaries with the go command's.
func Flag(pgtest, dir string) (string, error) {
	cache, err := linkcache.Open(filepath.Join(dir, "links"))
	if err != nil {
		return "", nil
	}
	value, err := cache.Toolexec(pgtest, nil)
	if err != nil {
		return "", err
	}
	return gotest.JoinQuoted([]string{"-toolexec=" + value})
}

// GoFlags builds the pgtest command into dir, and returns a GOFLAGS: what it is,
// no go vet, and Flag. It must run in a directory of this module.
func GoFlags(dir string) (string, error) {
	pgtest, err := harnesstest.BuildPgtest(dir)
	if err != nil {
		return "", err
	}
	flag, err := Flag(pgtest, dir)
	if err != nil {
		return "", err
	}
	set, err := exec.Command("go", "env", "GOFLAGS").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	return strings.TrimSpace(string(set)) + " -vet=off " + flag, nil
}
