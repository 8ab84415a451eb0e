package history

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// gitPatience bounds the time for what git says.
const gitPatience = 5 * time.Second

// treeOf asks git for the tree of a directory and of all below it.
func treeOf(ctx context.Context, dir string) Tree {
	ctx, cancel := context.WithTimeout(ctx, gitPatience)
	defer cancel()
	status, err := git(ctx, dir, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--", ".")
	if err != nil {
		return Tree{}
	}
	var t Tree
	changed := false
	var unknown []string
	for field := range strings.SplitSeq(string(status), "\x00") {
		kind, rest, _ := strings.Cut(field, " ")
		switch kind {
		case "#":
			if commit, ok := strings.CutPrefix(rest, "branch.oid "); ok && commit != "(initial)" {
				t.Commit = commit
			}
		case "1", "2", "u":
			changed = true
		case "?":
			if isSource(rest) {
				unknown = append(unknown, rest)
			}
		}
	}
	if t.Commit == "" || !changed && len(unknown) == 0 {
		return t
	}
	diff, err := git(ctx, dir, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--", ".")
	top, topErr := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil || topErr != nil {
		return Tree{}
	}
	sum := sha256.New()
	sum.Write(diff)
	for _, name := range unknown {
		fmt.Fprintf(sum, "%q\n", name)
		if f, err := openPlain(filepath.Join(strings.TrimSuffix(string(top), "\n"), name)); err == nil {
			io.Copy(sum, f)
			f.Close()
		}
	}
	t.Changes = fmt.Sprintf("%x", sum.Sum(nil))
	return t
}

// sourceNames end what the go command reads.
var sourceNames = []string{".go", ".mod", ".sum", ".work", ".s", ".S", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".m", ".f", ".swig", ".syso"}

// isSource reports whether a file that git does not know can change what tests
// do, and is hardly an output of theirs or ours.
func isSource(name string) bool {
	return slices.ContainsFunc(sourceNames, func(end string) bool { return strings.HasSuffix(name, end) }) ||
		strings.Contains("/"+name, "/testdata/")
}

// git runs a git command that changes nothing, and starts nothing that stays.
func git(ctx context.Context, dir string, words ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", slices.Concat([]string{"-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}, words)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	cmd.WaitDelay = patience
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if errors.Is(err, syscall.ECHILD) && said.Len() == 0 {
		err = nil // the run has reaped it with its orphans
	}
	return out.Bytes(), err
}
