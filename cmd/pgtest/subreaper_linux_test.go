package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
)

// refuseRole makes the test binary a program that runs another one, with a filter
// that refuses PR_SET_CHILD_SUBREAPER.
const refuseRole = "__refuse-subreaper"

// refuseSubreaper is that role, if it was asked for.
func refuseSubreaper() {
	if len(os.Args) < 3 || os.Args[1] != refuseRole {
		return
	}
	runtime.LockOSThread() // the filter is the thread's
	const number, firstArgument = 0, 16
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_PRCTL, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: firstArgument},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PR_SET_CHILD_SUBREAPER, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
	}
	if err != nil {
		fmt.Println("no filter:", err)
		os.Exit(0)
	}
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil {
		fmt.Println("no filter: it has no effect")
		os.Exit(0)
	}
	err = syscall.Exec(os.Args[2], os.Args[2:], os.Environ())
	fmt.Println(err)
	os.Exit(1)
}

// TestSubreaperRefused runs where orphans can't be adopted: what is left in the
// group of a test is ended and reported all the same.
func TestSubreaperRefused(t *testing.T) {
	dir := writeModule(t, map[string]string{"p_test.go": `package p

import (
	"os/exec"
	"testing"
)

func TestLeak(t *testing.T) {
	if err := exec.Command("sleep", "3600").Start(); err != nil {
		t.Fatal(err)
	}
}

func TestClean(t *testing.T) {}
`})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, isolate := range []string{"package", "test"} {
		for _, test := range []string{"TestLeak", "TestClean"} {
			t.Run(isolate+"/"+test, func(t *testing.T) {
				mark := harnesstest.Mark(t.Name())
				cmd := exec.Command(self, refuseRole, pgtestPath, "-C", dir, "-count=1", "--isolate="+isolate, "--leaks=fail", "-run="+test, ".")
				cmd.Env = append(os.Environ(), mark)
				out, _ := cmd.CombinedOutput()
				if strings.HasPrefix(string(out), "no filter") {
					t.Skip(string(out))
				}
				leak := test == "TestLeak"
				if got := cmd.ProcessState.ExitCode() == 1; got != leak {
					t.Errorf("%v\n%s", cmd.ProcessState, out)
				}
				if got := strings.Contains(string(out), "=== LEAK: ") && strings.Contains(string(out), "sleep 3600"); got != leak {
					t.Errorf("output:\n%s", out)
				}
				if alive := harnesstest.Survivors(mark); len(alive) > 0 {
					t.Errorf("survivors: %v", alive)
				}
			})
		}
	}
}
