//go:build linux

package terminal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pgtest/harness/harnesstest"
	"pgtest/signals/ptytest"
)

// TestArchiveInterrupted ends tool archive while it builds, and while it packs a
// file that takes minutes. The archive that was there stays, and nothing else.
func TestArchiveInterrupted(t *testing.T) {
	for _, tt := range []struct {
		name, rest string
		sig        syscall.Signal // SIGINT is typed
		said       string
		status     string
	}{
		{"SIGINT", "", syscall.SIGINT, "interrupt: the build has 10s to end; Ctrl-C again kills it at once", "130"},
		{"SIGTERM", "", syscall.SIGTERM, "terminated: the build has 10s to end; a second signal kills it at once", "143"},
		{"SIGINT pipe", " 2>&1 | tee log", syscall.SIGINT, "interrupt: the build has 10s to end; Ctrl-C again kills it at once", "130 0"},
		{"SIGTERM pipe", " 2>&1 | tee log", syscall.SIGTERM, "terminated: the build has 10s to end; a second signal kills it at once", "143 0"},
	} {
		t.Run("builds, "+tt.name, func(t *testing.T) {
			t.Parallel()
			j := startArchive(t, tt.rest)
			j.Until("the build", func() bool { return j.read("builds") != "" })
			j.endArchive(tt.sig)
			j.checkArchive(tt.said, tt.status)
		})
		t.Run("packs, "+tt.name, func(t *testing.T) {
			t.Parallel()
			j := startArchive(t, tt.rest)
			if err := os.Truncate(filepath.Join(j.dir, "m", "a", "large"), 1<<40); err != nil {
				t.Skipf("no large file: %v", err)
			}
			j.Until("the build", func() bool { return j.read("builds") != "" })
			if err := os.WriteFile(filepath.Join(j.dir, "build"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
			j.Until("some of the archive", func() bool {
				files, _ := filepath.Glob("/proc/" + strconv.Itoa(j.One(archiving).Pid) + "/fd/*")
				for _, file := range files {
					target, _ := os.Readlink(file)
					if info, err := os.Stat(file); err == nil && strings.HasPrefix(target, filepath.Join(j.dir, "out")+"/") && info.Size() > 0 {
						return true
					}
				}
				return false
			})
			j.endArchive(tt.sig)
			j.checkArchive(tt.said, tt.status)
		})
	}
}

// archiving matches the command line of the run that makes an archive.
const archiving = "^[^ ]*pgtest tool archive "

// startArchive starts tool archive where an archive is, with a linker that waits for
// a file.
func startArchive(t *testing.T, rest string) *job {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"m/go.mod":      "module m\n\ngo 1.25\n",
		"m/a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
		"m/a/large":     "",
		"out/x.tar.zst": "old",
		"tmp/.keep":     "",
		"tool":          "#!/bin/sh\ncase $1$2 in *-V=full) ;; */link*) echo x >" + dir + "/builds; until [ -e " + dir + "/build ]; do sleep 0.01; done;; esac\nexec \"$@\"\n",
	}
	if err := harnesstest.WriteModule(dir, files); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"TMPDIR=" + dir + "/tmp", "GOFLAGS=-buildvcs=false", "GOENV=off", "CI="}
	j := &job{Interactive: ptytest.StartShell(t, "bash", dir, append(env, keepCaches()...)...), t: t, dir: dir}
	j.Enter("cd m")
	j.AwaitPrompt()
	j.Enter(pgtestPath + " tool archive -o ../out/x.tar.zst --link-cache=off -vet=off -toolexec " + dir + "/tool ./..." + rest)
	return j
}

func (j *job) endArchive(sig syscall.Signal) {
	j.t.Helper()
	if sig == syscall.SIGINT {
		j.Type(ptytest.CtrlC)
		return
	}
	j.Signal(j.One(archiving), sig)
}

// checkArchive checks what tool archive said and left.
func (j *job) checkArchive(said, status string) {
	j.t.Helper()
	j.Expect(regexp.QuoteMeta("pgtest: " + said + "\r\npgtest: tool archive: ../out/x.tar.zst: not written\r\n"))
	j.AwaitPrompt()
	j.checkStatuses(status)
	j.CheckTerminal()
	j.checkEnd()
	left, err := os.ReadDir(filepath.Join(j.dir, "out"))
	text, readErr := os.ReadFile(filepath.Join(j.dir, "out", "x.tar.zst"))
	if err != nil || len(left) != 1 || readErr != nil || string(text) != "old" {
		j.t.Errorf("left: %v %v %v", left, err, readErr)
	}
}
