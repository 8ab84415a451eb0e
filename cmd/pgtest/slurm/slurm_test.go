//go:build linux

// Package slurm_test divides a run among tasks of a real Slurm.
package slurm_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	version "go/version"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "pgtest/harness" // so that a change there makes go test run this test again
	"pgtest/harness/harnesstest"
)

// TestSlurm divides a run among the tasks of an array, by the set-up in
// docs/scale.md, in a Slurm of its own. A task is requeued while a test of it runs.
// With -v it shows what happens.
func TestSlurm(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("slurmd starts as root alone")
	}
	for _, program := range []string{"munged", "slurmctld", "slurmd", "sbatch"} {
		harnesstest.Need(t, program)
	}
	text, err := os.ReadFile("../../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n#SBATCH.*?)```").FindSubmatch(text)
	merge := regexp.MustCompile(`sbatch --dependency=afterany:\$id (.*)`).FindSubmatch(text)
	if script == nil || merge == nil {
		t.Fatal("docs/scale.md has no set-up")
	}
	dir := t.TempDir()
	writeModule(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "shards.sh"), script[1], 0o777); err != nil {
		t.Fatal(err)
	}
	c := start(t, dir)

	c.say("On one machine. A test fails on purpose; the times make a plan.")
	c.sh(1, "pgtest --jsonfile=one.json -coverprofile=one.out ./...")
	c.sh(0, "pgtest tool plan -n 4 --timing-files=one.json -o plan.json ./...")

	c.say("As an array of four tasks.")
	c.sh(0, "cat shards.sh")
	id := strings.TrimSpace(c.sh(0, "PGTEST_SHARD_PLAN=plan.json GATE=gate sbatch --parsable shards.sh"))
	task := ""
	c.until("a test waits", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, "gate", "waits"))
		task = string(text)
		return task != ""
	})
	job := id + "_" + task
	c.until("only that runs", func() bool { return c.states() == job+" RUNNING\n" })

	c.say("A test waits in task " + task + ", which is now requeued, as when another job needs the node.")
	c.sh(0, "scontrol requeue "+job)
	c.until("the task has ended", func() bool { return c.states() == job+" PENDING\n" })
	if out := c.sh(0, "cat slurm-"+job+".out"); !strings.Contains(out, "INTERRUPTED: gate TestWaits") {
		t.Errorf("the task was not interrupted:\n%s", out)
	}
	cut := regexp.MustCompile("^pgtest: tool merge: events-" + task + ".json: shard ./4: the run did not come to its end\n$")
	if out := c.sh(2, "pgtest tool merge events-*.json"); !cut.MatchString(out) {
		t.Errorf("merged what was interrupted:\n%s", out)
	}

	c.say("It runs again, and what merges all comes after it.")
	if err := os.WriteFile(filepath.Join(dir, "gate", "open"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	// In the second of the requeue the node takes it for the one that was killed.
	c.sh(0, "scontrol update StartTime=now+2 JobId="+job)
	last := strings.TrimSpace(c.sh(0, "sbatch --parsable --dependency=afterany:"+id+" "+string(merge[1])))
	c.until("all have ended", func() bool { return c.states() == "" })
	if out := c.sh(0, "cat slurm-"+last+".out"); !strings.Contains(out, "=== FAIL: gate TestFails") || strings.Contains(out, "INTERRUPTED") {
		t.Errorf("merged:\n%s", out)
	}
	if out := c.sh(0, "scontrol show job "+last+" | grep ExitCode"); !strings.Contains(out, "ExitCode=1:0") {
		t.Errorf("the merge ended with %s", out)
	}

	c.say("All together are what one run was.")
	c.sh(1, "pgtest tool merge --format=none --hide-summary=all --jsonfile=merged.json events-*.json")
	one, merged := resultsIn(t, filepath.Join(dir, "one.json")), resultsIn(t, filepath.Join(dir, "merged.json"))
	if len(one) < 50 || !slices.Equal(one, merged) {
		t.Errorf("%d results, and %d of the shards:\n%s", len(one), len(merged), strings.Join(merged, "\n"))
	}
	c.sh(0, "sort one.out >a; sort cover.out >b; diff a b && grep -c '<testcase ' junit.xml")
}

// writeModule writes a module of packages of the standard library, with a test
// that fails and one that waits for a file where a variable is set.
func writeModule(t *testing.T, dir string) {
	files := map[string]string{
		"go.mod":       "module example.com/m\n\ngo " + strings.TrimPrefix(version.Lang(strings.Fields(runtime.Version())[0]), "go") + "\n",
		"gate/gate.go": "package gate\n\n// Open says that nothing waits.\nfunc Open(err error) bool { return err == nil }\n",
		"gate/gate_test.go": `package gate

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func TestFails(t *testing.T) { t.Error("on purpose") }

func TestWaits(t *testing.T) {
	if os.Getenv("GATE") == "" {
		Open(nil)
		return
	}
	if err := os.WriteFile("waits", []byte(os.Getenv("SLURM_ARRAY_TASK_ID")), 0o666); err != nil {
		t.Fatal(err)
	}
	// Slurm signals each process of the task, this one first; pgtest signals it, too.
	first := make(chan os.Signal, 1)
	signal.Notify(first, syscall.SIGTERM)
	for {
		select {
		case <-first:
			signal.Reset(syscall.SIGTERM)
		case <-time.After(10 * time.Millisecond):
			if _, err := os.Stat("open"); Open(err) {
				return
			}
		}
	}
}
`,
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"container/list", "encoding/csv", "encoding/hex"} {
		paths, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", pkg, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no source of %s: %v", pkg, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files[pkg+"/"+filepath.Base(path)] = string(text)
		}
	}
	if err := harnesstest.WriteModule(dir, files); err != nil {
		t.Fatal(err)
	}
}

// resultsIn returns how each test and package of an event file ended, sorted.
func resultsIn(t *testing.T, path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ends := make(map[string]string)
	for line := range bytes.Lines(text) {
		var ev struct{ Action, Package, Test string }
		if err := json.Unmarshal(line, &ev); err != nil {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		// Of a package that several shards have one may have failed.
		name := ev.Package + " " + ev.Test
		if slices.Contains([]string{"pass", "fail", "skip"}, ev.Action) && ends[name] != "fail" {
			ends[name] = ev.Action
		}
	}
	var all []string
	for name, end := range ends {
		all = append(all, name+" "+end)
	}
	slices.Sort(all)
	return all
}

// slurm is a controller and a node of Slurm, whose files lie in a directory of
// their own.
type slurm struct {
	t       *testing.T
	dir     string // where commands run
	log     *os.File
	daemons []*exec.Cmd
}

const slurmConf = `ClusterName=pgtest
SlurmctldHost=localhost
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=DIR/munge.socket
SlurmctldPort=PORT1
SlurmdPort=PORT2
StateSaveLocation=DIR/state
SlurmdSpoolDir=DIR/spool
SlurmctldPidFile=DIR/slurmctld.pid
SlurmdPidFile=DIR/slurmd.pid
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE
`

// start starts Slurm until the end of the test. dir is where commands run.
func start(t *testing.T, dir string) *slurm {
	c := &slurm{t: t, dir: dir}
	files := t.TempDir()
	at := func(name string) string { return filepath.Join(files, name) }
	conf := strings.NewReplacer("DIR", files, "PORT1", freePort(t), "PORT2", freePort(t)).Replace(slurmConf)
	for name, text := range map[string]string{"key": rand.Text() + rand.Text(), "slurm.conf": conf, "log": ""} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"state", "spool"} {
		if err := os.Mkdir(at(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, prepare := range []func(string) error{harnesstest.OwnHome, func(dir string) error {
		_, err := harnesstest.BuildPgtest(dir)
		return err
	}} {
		if err := prepare(files); err != nil {
			t.Fatal(err)
		}
	}
	mark := harnesstest.Mark("slurm")
	name, value, _ := strings.Cut(mark, "=")
	t.Setenv(name, value)
	t.Setenv("SLURM_CONF", at("slurm.conf"))
	t.Setenv("PATH", files+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("GOFLAGS", "-vet=off -count=1")
	t.Cleanup(func() { c.stop(mark) })

	var err error
	if c.log, err = os.Create(at("log")); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		{"munged", "--foreground", "--force", "--key-file=" + at("key"), "--socket=" + at("munge.socket"),
			"--pid-file=" + at("munged.pid"), "--seed-file=" + at("seed"), "--log-file=" + at("munged.log")},
		{"slurmctld", "-D", "-i"},
		{"slurmd", "-D", "-N", "localhost"},
	} {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Stdout, cmd.Stderr = c.log, c.log
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		c.daemons = append(c.daemons, cmd)
	}
	c.until("the node is there", func() bool { return c.output("sinfo", "-h", "-o", "%T") == "idle\n" })
	return c
}

// freePort returns a port that nobody listens at, and that the system gives to
// nobody who does not ask for it.
func freePort(t *testing.T) string {
	for {
		port := fmt.Sprint(10000 + mathrand.IntN(20000))
		if l, err := net.Listen("tcp", ":"+port); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return port
		}
	}
}

// stop ends all jobs, then Slurm, then what is left of either.
func (c *slurm) stop(mark string) {
	if c.output("scancel", "--user=root") == "" {
		waitFor(func() bool { return c.states() == "" })
	}
	for _, cmd := range slices.Backward(c.daemons) {
		cmd.Process.Kill()
		cmd.Wait()
	}
	for _, left := range harnesstest.Survivors(mark) {
		c.t.Errorf("left: %v", left)
		syscall.Kill(left.PID, syscall.SIGKILL)
	}
	if text, err := os.ReadFile(c.log.Name()); c.t.Failed() && err == nil {
		c.t.Logf("%s", text)
	}
	c.log.Close()
}

// states returns the jobs and tasks that did not end, each with its state.
func (c *slurm) states() string { return c.output("squeue", "-h", "-r", "-o", "%i %T") }

// output returns what a command of Slurm prints, and the error if there is one.
func (c *slurm) output(words ...string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).Output()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// until waits for a condition.
func (c *slurm) until(what string, is func() bool) {
	c.t.Helper()
	if !waitFor(is) {
		c.t.Fatalf("waited in vain until %s; jobs: %q", what, c.states())
	}
}

func waitFor(is func() bool) bool {
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// sh runs a command in a shell and returns what it prints. It fails the test
// unless the command exits with a status.
func (c *slurm) sh(status int, command string) string {
	c.t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = c.dir
	out, _ := cmd.CombinedOutput()
	if testing.Verbose() {
		fmt.Printf("$ %s\n%s", command, out)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		c.t.Fatalf("%s: status %d:\n%s", command, got, out)
	}
	return string(out)
}

// say tells a person what comes.
func (c *slurm) say(text string) {
	if testing.Verbose() {
		fmt.Printf("\n# %s\n", text)
	}
}
