package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/signals/procfs"
)

// becomesRoot is the variable that makes this test's own program become root, as
// sudo does, and wait. Its value is the path of a file that it makes then.
const becomesRoot = "PGTEST_TEST_BECOMES_ROOT"

func init() {
	path := os.Getenv(becomesRoot)
	if path == "" {
		return
	}
	syscall.Setuid(0)
	os.WriteFile(path, nil, 0o644)
	os.Chdir("/")
	time.Sleep(time.Hour)
}

// TestUndying runs pgtest as a user, and a test that leaves a process of root
// behind, as sudo does. It can't be ended, and the report says so, once.
func TestUndying(t *testing.T) {
	for _, mode := range []string{"package", "test"} {
		t.Run(mode, func(t *testing.T) { leavesUndying(t, mode) })
	}
}

func leavesUndying(t *testing.T, mode string) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a program that runs as root")
	}
	dir := t.TempDir()
	const user = 54321
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	// A go command that runs one test, which is a script.
	files := map[string]string{
		"asroot": string(program),
		"leaky": `#!/bin/sh
case "$*" in
*-test.list=*) echo TestLeaky; exit;;
*-test.skip=*) printf '\026PASS\n'; exit;;
esac
printf '\026=== RUN   TestLeaky\n\026--- PASS: TestLeaky (0.00s)\n\026PASS\n'
` + becomesRoot + "=" + dir + "/isroot " + dir + "/asroot >/dev/null 2>&1 &\nuntil test -e " + dir + "/isroot; do sleep 0.01; done\n",
		"go": `#!/bin/sh
for word; do case $word in -exec=*) exec=${word#-exec=};; esac; done
test "$exec" || exit 0
echo '{"Action":"start","Package":"` + dir + `/leaky"}'
$exec ` + dir + `/leaky -test.v=test2json >/dev/null; status=$?
echo '{"Action":"'$(test $status = 0 && echo pass || echo fail)'","Package":"` + dir + `/leaky"}'
exit $status
`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "asroot"), 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ours := filepath.Join(dir, "pgtest")
	if out, err := exec.Command("cp", pgtestPath, ours).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mine := filepath.Join(dir, "user")
	if err := os.Mkdir(mine, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(mine, user, user); err != nil {
		t.Fatal(err)
	}
	mark := harnesstest.Mark(t.Name())
	endMarked(t, mark)
	run := exec.Command(ours, "--isolate="+mode, "--link-cache=off", "--leaks=fail", "--junitfile="+mine+"/report.xml")
	run.Dir = mine
	run.Env = append(os.Environ(), mark, "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+mine, "TMPDIR="+mine)
	run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := run.CombinedOutput()
	if len(harnesstest.Survivors(mark)) == 0 {
		harnesstest.Missing(t, "a program in %s does not run as its owner, so nothing is left: %v\n%s", dir, err, out)
	}
	if run.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want status 1", err)
	}
	report, _ := os.ReadFile(filepath.Join(mine, "report.xml"))
	const want = "could not be ended: operation not permitted; it still runs"
	times := map[string]int{"output": 1, "report": 2} // a property and an error
	for name, text := range map[string]string{"output": string(out), "report": string(report)} {
		if strings.Count(text, want) != times[name] || strings.Contains(text, "ended with") {
			t.Errorf("the %s says %q too often, or not:\n%s", name, want, text)
		}
	}
	for _, p := range harnesstest.Survivors(mark) {
		if !procfs.StatOf(p.PID).Alive() {
			t.Errorf("%v is dead", p)
		}
	}
}
