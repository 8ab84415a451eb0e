package pertest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness"
	"pgtest/harness/internal/pertest"
)

// TestOrphansAreReaped wants a process that left its test's group to be gone
// when it has ended, as it is with go test.
func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	const body = `
func orphan(t *testing.T, command string) {
	out, err := exec.Command("setsid", "sh", "-c", command + " >/dev/null 2>&1 & echo $!").Output()
	if err != nil { t.Fatal(err) }
	var pid int
	fmt.Sscan(string(out), &pid)
	for end := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) != syscall.ESRCH; time.Sleep(time.Millisecond) {
		if time.Now().After(end) { t.Fatal("still there") }
	}
}

func TestOne(t *testing.T) { for range 20 { orphan(t, "sleep 0.01") } }
func TestTwo(t *testing.T) { for range 20 { orphan(t, "true") } }
func TestThree(t *testing.T) { exec.Command("sh", "-c", "sleep 1000 &").Run(); orphan(t, "sleep 0.1") }
func TestFour(t *testing.T) { for range 20 { if err := exec.Command("true").Run(); err != nil { t.Fatal(err) } } }
`
	dir := writeModule(t, map[string]string{"m_test.go": hostileImports + body + hostileTests})
	cfg := harness.Config{Dir: dir, Isolation: harness.Isolation{Processes: 4}}
	if o := isolated(t, cfg, nil, "-count=3", "-run=One|Two|Three|Four", "."); o.status != 0 {
		t.Errorf("status %d:\n%s", o.status, o.events)
	}
}

// inNamespace runs the calling test again as root of a user namespace with
// mounts of its own, and reports whether this is that run.
func inNamespace(t *testing.T) bool {
	const variable = "PGTEST_TEST_NAMESPACE"
	if os.Getenv(variable) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(environ(nil), variable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit) && os.Getenv("CI") == "":
		t.Skipf("no namespaces: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// TestFullTempDir wants all of the output of a test that waits for its turn
// where no file can be written.
func TestFullTempDir(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	const body = `
const line = "0123456789012345678901234567890123456789012345678901234567890"

// TestHead is done when TestTail has printed more than can be kept.
func TestHead(t *testing.T) {
	size, _ := strconv.Atoi(os.Getenv("SIZE"))
	for {
		data, _ := os.ReadFile(os.Getenv("RAN"))
		if len(data) >= size { return }
		time.Sleep(time.Millisecond)
	}
}

func TestTail(t *testing.T) {
	for i := range 70_000 {
		fmt.Println(line, i)
		if i % 1000 == 0 { ran("") }
	}
	t.Error("a reason")
}
`
	small := t.TempDir()
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=1536k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(small, unix.MNT_DETACH)
	imports := strings.Replace(hostileImports, `"strings"`, "\"strconv\"\n\t\"strings\"", 1)
	dir := writeModule(t, map[string]string{"m_test.go": imports + body + hostileTests})
	for _, tt := range []struct {
		tempDir string
		kilo    int // lines that TestTail can print before it waits
	}{
		{small, 20}, {filepath.Join(small, "none"), 15},
	} {
		cfg := harness.Config{Dir: dir, Isolation: harness.Isolation{Processes: 2}}
		env := []string{"TMPDIR=" + tt.tempDir, "RAN=" + filepath.Join(t.TempDir(), "ran"), fmt.Sprint("SIZE=", tt.kilo)}
		o := isolated(t, cfg, env, "-count=1", "-run=Head|Tail", ".")
		lines := strings.Count(o.events, `"Test":"TestTail","Output":"0123456789`)
		if o.status != 1 || lines != 70_000 || !strings.Contains(o.events, ": a reason") || !strings.Contains(o.events, "FAIL: TestTail") {
			o.events = o.events[max(0, len(o.events)-2000):]
			t.Errorf("%s: status %d, %d lines:\n%s", tt.tempDir, o.status, lines, o.events)
		}
	}
}

// TestQuit wants the role to die of SIGQUIT without telling of itself.
func TestQuit(t *testing.T) {
	t.Parallel()
	const main = `func TestMain(m *testing.M) {
		ran("here")
		for os.Getenv("GO") != "" { if _, err := os.Stat(os.Getenv("GO")); err == nil { break }; time.Sleep(time.Millisecond) }
		os.Exit(m.Run())
	}
`
	dir := writeModule(t, map[string]string{"m_test.go": hostileImports + main + hostileTests})
	binary := filepath.Join(dir, "m.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, sig := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGINT} {
		scratch := t.TempDir()
		ran, release := filepath.Join(scratch, "ran"), filepath.Join(t.TempDir(), "go")
		words := pertest.Options{Command: []string{binary}, Args: []string{"-test.v=test2json"}}.Words()
		role := exec.Command(os.Args[0], append([]string{pertest.Role}, words...)...)
		role.Env = append(environ(nil), "RAN="+ran, "GO="+release)
		out := new(lockedBuffer)
		role.Stdout, role.Stderr = out, out
		if err := role.Start(); err != nil {
			t.Fatal(err)
		}
		awaitFiles(t.Context(), scratch, 1)
		role.Process.Signal(sig)
		for err := error(nil); err == nil; { // the signal has arrived when it is no longer pending
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", role.Process.Pid))
			if !strings.Contains(string(data), fmt.Sprintf("ShdPnd:\t%016x", 1<<(sig-1))) {
				break
			}
		}
		if err := os.WriteFile(release, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		role.Wait()
		if status := role.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != sig {
			t.Errorf("%v: %v", sig, role.ProcessState)
		}
		if strings.Contains(out.String(), "goroutine ") || strings.Contains(out.String(), "=== RUN") {
			t.Errorf("%v: output:\n%s", sig, out.String())
		}
	}
}
