package harnesstest

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// namespaceVariable is set in a test that runs again in namespaces.
const namespaceVariable = "PGTEST_TEST_NAMESPACE"

// InNamespaces runs the calling test again in a process that is root of a user
// namespace, and in other new namespaces by flags as CLONE_NEWNS, with more in
// its environment. It reports whether this is that run. With CLONE_NEWPID and
// CLONE_NEWNS, /proc shows the processes of the new namespace.
func InNamespaces(t testing.TB, flags uintptr, env ...string) bool {
	t.Helper()
	if os.Getenv(namespaceVariable) != "" {
		if flags&unix.CLONE_NEWPID != 0 {
			if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
				Missing(t, "no namespaces: %v", err)
			}
		}
		return true
	}
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+name, "-test.v")
	cmd.Env = append(append(os.Environ(), namespaceVariable+"=1"), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | flags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		Missing(t, "no namespaces: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()):
		t.Skipf("%s", out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the test did not run:\n%s", out)
	}
	return false
}

// NextPID makes the next process of this pid namespace, which must be one of
// the test's own, have an id.
func NextPID(t testing.TB, pid int) {
	t.Helper()
	err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
	if err != nil {
		Missing(t, "the next process id can't be chosen: %v", err)
	}
}
