package buildcache

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest/race"
)

// The test binary is the process between.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Role {
		os.Exit(Main(os.Args[2:]))
	}
	race.ExitAtOnce()
	os.Exit(run(m))
}

// userProgram is the user's program behind it.
var userProgram string

// run builds that, and fills the go command's own cache, where it finds what nobody has
// put.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pgtest-buildcache-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	userProgram = filepath.Join(dir, "program")
	goCache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err == nil {
		os.Setenv("GOCACHE", strings.TrimSpace(string(goCache)))
		err = exec.Command("go", "build", "-o", userProgram, "pgtest/harness/harnesstest/cacheprogram").Run()
	}
	if err == nil {
		err = compile().Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// compile returns a go command that compiles a package of the standard library, for
// which it asks for some hundred files. go list also says where they are, but does not
// ask the program to close.
func compile() *exec.Cmd { return exec.Command("go", "build", "encoding/json") }

func list() *exec.Cmd {
	return exec.Command("go", "list", "-export", "-f", "{{.BuildID}} {{.Export}}", "-deps", "encoding/json")
}

// A machine has a store of its own. Its program stores into a directory that
// machines share, and has faults.
type machine struct {
	t             *testing.T
	store, shared string
	patience      time.Duration
	faults        []string
	env           []string
}

func newMachine(t *testing.T, shared string, faults ...string) *machine {
	return &machine{t: t, store: filepath.Join(t.TempDir(), "store"), shared: shared, patience: time.Hour, faults: faults}
}

var key = Key("test")

// with gives a go command the machine's program, with the process between or not.
func (m *machine) with(cmd *exec.Cmd, between bool) *exec.Cmd {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	words := append([]string{userProgram, m.shared}, m.faults...)
	if between {
		words = append([]string{self}, Words(Options{Dir: m.store, Key: key, Patience: m.patience}, words)...)
	}
	program, err := gotest.JoinQuoted(words)
	if err != nil {
		m.t.Fatal(err)
	}
	// A go command that is killed leaves its files there.
	cmd.Env = append(os.Environ(), append(m.env, "GOCACHEPROG="+program, "TMPDIR="+m.t.TempDir())...)
	return cmd
}

// requests returns what the program was asked for since the last call.
func (m *machine) requests() string {
	m.t.Helper()
	path := filepath.Join(m.shared, "requests")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// compile compiles with the process between.
func (m *machine) compile() {
	m.t.Helper()
	if out, err := m.with(compile(), true).CombinedOutput(); err != nil || len(out) > 0 {
		m.t.Fatalf("%v\n%s", err, out)
	}
}

// exports returns ids and sums of what go list finds compiled.
func (m *machine) exports() string {
	m.t.Helper()
	cmd := m.with(list(), true)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		m.t.Fatalf("%v\n%s", err, &stderr)
	}
	var b strings.Builder
	for line := range strings.Lines(string(out)) {
		id, export, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := os.ReadFile(export)
		if err != nil && export != "" {
			m.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", id, sha256.Sum256(data))
	}
	return b.String()
}
