package pertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness"
	"pgtest/harness/harnesstest"
	"pgtest/harness/harnesstest/race"
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

// TestFullTempDir wants all of the output of a test that waits for its turn
// where no file can be written: of one with a process of its own, and of one
// that the list lacks. The process of that starts early, where there is room,
// and must not take the room from those whose turn it is when there is less.
func TestFullTempDir(t *testing.T) {
	t.Parallel()
	if !harnesstest.InNamespaces(t, unix.CLONE_NEWNS, "GOMAXPROCS=2") {
		return
	}
	const main = `func TestMain(m *testing.M) {
	flag.Parse()
	if list := flag.Lookup("test.list"); list.Value.String() != "" && os.Getenv("LISTED") != "" {
		flag.Set("test.list", os.Getenv("LISTED"))
	}
	os.Exit(m.Run())
}
`
	const body = `
const line = "0123456789012345678901234567890123456789012345678901234567890"

// TestHead is done when TestTail has printed more than can be kept, and another
// package has taken its part of the processes, if there is one.
func TestHead(t *testing.T) {
	for !full() || !exists("OTHER") { time.Sleep(time.Millisecond) }
}

func full() bool {
	size, _ := strconv.Atoi(os.Getenv("SIZE"))
	data, _ := os.ReadFile(os.Getenv("RAN"))
	return len(data) >= size
}

func exists(variable string) bool {
	_, err := os.Stat(os.Getenv(variable))
	return err == nil || os.Getenv(variable) == ""
}

func TestNext(t *testing.T) {
	if next := os.Getenv("NEXT"); next != "" { os.WriteFile(next, nil, 0o666) }
}

func TestTail(t *testing.T) {
	lines, _ := strconv.Atoi(os.Getenv("LINES"))
	for i := range lines {
		fmt.Println(line, i)
		if i % 1000 == 0 { ran("") }
	}
	t.Error("a reason")
}
`
	const other = `
func TestMain(m *testing.M) {
	for !full() { time.Sleep(time.Millisecond) }
	os.Exit(m.Run())
}

func TestOther(t *testing.T) {
	if err := os.WriteFile(os.Getenv("OTHER"), nil, 0o666); err != nil { t.Fatal(err) }
	for !exists("NEXT") { time.Sleep(time.Millisecond) } // or its part would be free again
}
`
	small, tiny := t.TempDir(), t.TempDir()
	for dir, size := range map[string]string{small: "1536k", tiny: "512k"} {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
	}
	imports := strings.Replace(hostileImports, `"strings"`, "\"strconv\"\n\t\"strings\"", 1)
	_, shared, _ := strings.Cut(body, "\n\nfunc full")
	shared, _, _ = strings.Cut(shared, "\n\nfunc TestNext")
	dir := writeModule(t, map[string]string{
		"m_test.go":           imports + main + body + hostileTests,
		"other/other_test.go": imports + other + "\nfunc full" + shared + hostileTests,
	})
	printed := 70_000
	if race.Enabled {
		printed = 30_000
	}
	for _, tt := range []struct {
		tempDir string
		kilo    int // lines that TestTail can print before it waits
	}{
		{small, 20}, {tiny, 15}, {filepath.Join(small, "none"), 15},
	} {
		for _, early := range []bool{false, true} {
			scratch := t.TempDir()
			env := []string{"TMPDIR=" + tt.tempDir, "RAN=" + filepath.Join(scratch, "ran"), fmt.Sprint("SIZE=", tt.kilo), fmt.Sprint("LINES=", printed)}
			args := []string{"-count=1", "-run=Head|Next|Tail|Other", "-timeout=3m", "."}
			cfg := harness.Config{Dir: dir, Isolation: harness.Isolation{Processes: 2}}
			if early {
				cfg.Isolation.Processes = 0 // an equal share: two, then one
				env = append(env, "LISTED=Head|Next", "OTHER="+filepath.Join(scratch, "other"), "NEXT="+filepath.Join(scratch, "next"))
				args = append(args, "./other", "-p=2")
			}
			o := isolated(t, cfg, env, args...)
			lines := strings.Count(o.events, `"Test":"TestTail","Output":"0123456789`)
			if o.status != 1 || lines != printed || !strings.Contains(o.events, ": a reason") || !strings.Contains(o.events, "FAIL: TestTail") {
				o.events = o.events[max(0, len(o.events)-2000):]
				t.Errorf("%s, early %v: status %d, %d lines:\n%s", tt.tempDir, early, o.status, lines, o.events)
			}
		}
	}
}

// threads returns what the kernel says of a process's threads, and whether all
// of them sleep. If two answers are the same, none ran in between.
func threads(pid int) (text string, asleep bool) {
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	asleep = len(paths) > 0
	for _, path := range paths {
		status, _ := os.ReadFile(path)
		text += string(status)
		asleep = asleep && strings.Contains(string(status), "State:\tS")
	}
	return text, asleep
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
		role := exec.Command(os.Args[0], pertest.Role, "--", binary, "-test.v=test2json")
		role.Env = append(environ(nil), "RAN="+ran, "GO="+release)
		out := new(lockedBuffer)
		role.Stdout, role.Stderr = out, out
		if err := role.Start(); err != nil {
			t.Fatal(err)
		}
		awaitFiles(t.Context(), scratch, 1)
		role.Process.Signal(sig)
		harnesstest.Await(t, "the role to take the signal in", func() bool {
			before, idle := threads(role.Process.Pid)
			after, still := threads(role.Process.Pid)
			return idle && still && before == after && !strings.Contains(before, fmt.Sprintf("ShdPnd:\t%016x", 1<<(sig-1)))
		})
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
