package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgtest/harness/harnesstest"
)

// filesEvents is a stream for tests of files.
const filesEvents = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`

// TestFilesOnMounts writes files on which, or around which, something is
// mounted. Each script runs in a mount namespace of its own.
func TestFilesOnMounts(t *testing.T) {
	unshare := []string{"unshare", "--map-root-user", "--mount"}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "mount", "-t", "tmpfs", "x", "/mnt")...).CombinedOutput(); err != nil {
		harnesstest.Missing(t, "no mount namespace can be made: %v: %s", err, out)
	}
	for _, tt := range []struct{ name, script, want string }{
		{"mounted file", `
			echo old >real.xml; touch out.xml
			mount --bind real.xml out.xml
			pgtest --junitfile out.xml - <events.json
			grep -c TestA real.xml; tail -1 real.xml; ls -A`, "1\n</testsuites>\nevents.json\nout.xml\nreal.xml\n"},
		{"mounted file that is longer than the report", `
			yes old | head -1000 >real.xml; touch out.xml
			mount --bind real.xml out.xml
			pgtest --junitfile out.xml --jsonfile=out.json - <events.json
			grep -c old real.xml; tail -1 real.xml; cmp out.json events.json`, "0\n</testsuites>\n"},
		{"writable file in a mount that is read-only", `
			mkdir dir; touch dir/out.xml real.xml
			mount --bind dir dir; mount --bind real.xml dir/out.xml; mount -o remount,ro,bind dir
			pgtest --junitfile dir/out.xml - <events.json
			tail -1 real.xml`, "</testsuites>\n"},
		{"read-only mount", `
			mkdir dir; mount --bind dir dir; mount -o remount,ro,bind dir
			pgtest --junitfile dir/out.xml ./nosuch; echo $?
			pgtest --jsonfile dir/out.json ./nosuch; echo $?`,
			"pgtest: --junitfile dir/out.xml: read-only file system\n2\npgtest: --jsonfile dir/out.json: read-only file system\n2\n"},
		{"file that is read-only as a mount", `
			echo old >real.xml; touch out.xml
			mount --bind real.xml out.xml; mount -o remount,ro,bind out.xml
			pgtest --junitfile out.xml ./nosuch; echo $?`,
			"pgtest: --junitfile out.xml: read-only file system\n2\n"},
		{"full disk", `
			mkdir full; mount -t tmpfs -o size=16k x full; echo old >full/out.xml
			{ head -1 events.json; yes '{"Action":"output","Package":"p","Test":"TestA","Output":"some text xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"}' | head -1000; sed '1d; s/pass/fail/' events.json; } >many.json
			pgtest --junitfile full/out.xml - <many.json; echo $?
			cat full/out.xml; ls -A full
			pgtest --jsonfile full/out.json - <many.json; echo $?
			tail -c 3 full/out.json`,
			"pgtest: --junitfile full/out.xml: no space left on device\n1\nold\nout.xml\npgtest: --jsonfile full/out.json: no space left on device\n1\n\"}\n"},
		{"full disk for what is added to a job summary", `
			mkdir full; mount -t tmpfs -o size=12k x full; echo old >full/summary.md; cp full/summary.md before
			head -c 4096 /dev/zero >full/other
			for n in $(seq 200); do echo '{"Action":"run","Package":"p","Test":"TestWithAName'$n'"}'; echo '{"Action":"fail","Package":"p","Test":"TestWithAName'$n'"}'; done >many.json
			echo '{"Action":"fail","Package":"p"}' >>many.json
			export GITHUB_STEP_SUMMARY=full/summary.md
			pgtest --ci=github --hide-summary=all --summaryfile=whole.md --junitfile=out.xml - <many.json >out; echo $?
			cmp full/summary.md before; grep -c '<testcase ' out.xml; grep -c TestWithAName200 whole.md`,
			"pgtest: GITHUB_STEP_SUMMARY full/summary.md: no space left on device\n1\n200\n1\n"},
		{"full disk for the history", `
			mkdir full; mount -t tmpfs -o size=64k x full; export XDG_STATE_HOME=$PWD/full
			{ head -1 events.json; head -c 100000 /dev/urandom | base64 | sed 's/.*/{"Action":"output","Package":"p","Test":"TestA","Output":"&\\n"}/'; sed 1d events.json; } >many.json
			pgtest --raw-command cat events.json
			pgtest --raw-command cat many.json; echo $?
			pgtest --raw-command cat events.json
			pgtest tool history | sed 's/  .*//'
			dd if=/dev/zero of=full/other 2>/dev/null
			pgtest --raw-command cat many.json 2>&1 | sed 's|/.*/001-[0-9a-f]*|DIR|'
			pgtest tool history | sed 's/  .*//'`,
			"pgtest: history: the run is not kept: no space left on device\n0\nRUN\n2\n1\n" +
				"pgtest: history off: DIR: no space left on device\nRUN\n2\n1\n"},
		{"no room for a long line", `
			mkdir full; mount -t tmpfs -o size=1m x full
			{ head -2 events.json; printf '{"Action":"output","Package":"p","Output":"'; head -c 4000000 /dev/zero | tr '\0' x; echo '"}'; tail -1 events.json; } >long.json
			TMPDIR=$PWD/full pgtest --junitfile out.xml - <long.json; echo $?
			grep -c TestA out.xml`,
			"pgtest: /dev/stdin: reading events: a line of more than 1048576 bytes can't be kept: no space left on device\n2\n1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if os.Getuid() != 0 && strings.Contains(tt.script, "XDG_STATE_HOME") {
				t.Skip("in a user's namespace / is nobody's, and a history trusts root and the user")
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "events.json"), filesEvents)
			cmd := exec.Command(unshare[0], append(unshare[1:], "sh", "-c", tt.script)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(pgtestPath)+":"+os.Getenv("PATH"),
				"PGTEST_FORMAT=none", "TMPDIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			var got strings.Builder
			for _, line := range strings.SplitAfter(string(out), "\n") {
				if line != "\n" && !strings.HasPrefix(line, "DONE ") && !strings.HasPrefix(line, "=== ") &&
					!strings.HasPrefix(line, "some text") && !strings.Contains(line, "xxxx") {
					got.WriteString(line)
				}
			}
			if got.String() != tt.want || err != nil {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got.String(), tt.want)
			}
		})
	}
}

// TestFilesOfOthers writes files as an ordinary user, in a directory that is
// somebody else's.
func TestFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "events.json"), filesEvents)
	write(t, filepath.Join(dir, "out.xml"), "old")
	if err := os.Chmod(filepath.Join(dir, "out.xml"), 0o666); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "pgtest")
	if out, err := exec.Command("cp", pgtestPath, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Tests have directories of their own that nobody else can enter.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command(program, append(args, "--raw-command", "cat", "events.json")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TMPDIR="+temp, "PGTEST_FORMAT=none", "PGTEST_HISTORY=off")
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	if out := run("--junitfile=out.xml"); strings.Contains(out, "pgtest:") {
		t.Errorf("a file that can be written: %s", out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "out.xml"))
	if err != nil || !strings.HasSuffix(string(data), "</testsuites>\n") {
		t.Errorf("%v, the report is %q", err, data)
	}
	for _, flag := range []string{"--junitfile", "--jsonfile"} {
		out := run(flag + "=new")
		if want := "pgtest: " + flag + " new: permission denied\n"; out != want {
			t.Errorf("%q, want %q", out, want)
		}
	}
	if os.Getuid() != 0 {
		return
	}
	// In a directory like /tmp a file of others can be written and not replaced.
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "out.xml"), "old")
	if out := run("--junitfile=out.xml", "--jsonfile=out.json"); strings.Contains(out, "pgtest:") {
		t.Errorf("a file in a sticky directory: %s", out)
	}
	data, err = os.ReadFile(filepath.Join(dir, "out.xml"))
	if err != nil || !strings.HasSuffix(string(data), "</testsuites>\n") {
		t.Errorf("%v, the report is %q", err, data)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
