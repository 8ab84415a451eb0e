package buildcache

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
)

// What one machine has asked for is there for another at once, and for the next run.
func TestBundleIsShared(t *testing.T) {
	shared := t.TempDir()
	first, second := newMachine(t, shared), newMachine(t, shared)
	want := first.exports()
	first.requests()
	first.compile()
	asked := first.requests()
	if gets := strings.Count(asked, "get"); gets < 100 || !strings.HasSuffix(asked, "get put close") {
		t.Fatalf("the first machine has asked for %q", asked)
	}
	for _, want := range []string{"get close", "close"} {
		second.compile()
		if asked := second.requests(); asked != want {
			t.Errorf("the second machine has asked for %q, want %q", asked, want)
		}
	}
	if second.exports() != want {
		t.Error("the second machine has something else")
	}
}

// The program is asked for what the machine's bundle has lost.
func TestLostOutputs(t *testing.T) {
	m := newMachine(t, t.TempDir())
	m.compile()
	want := m.exports()
	m.requests()
	outputs, err := filepath.Glob(filepath.Join(m.store, key, "*"))
	if err != nil || len(outputs) < 100 {
		t.Fatalf("%d outputs, %v", len(outputs), err)
	}
	lost := 0
	for i, path := range outputs {
		if filepath.Base(path) == indexName || i%4 == 3 {
			continue
		}
		lost++
		switch i % 4 {
		case 0:
			err = os.Remove(path)
		case 1:
			err = os.WriteFile(path, []byte("of another length"), 0o600)
		case 2:
			if err = os.Remove(path); err == nil {
				err = os.Symlink("nowhere", path)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.compile()
	if asked := m.requests(); strings.Count(asked, "get") < lost {
		t.Errorf("having lost %d outputs it has asked for %q", lost, asked)
	}
	if m.exports() != want {
		t.Error("the machine has something else")
	}
}

// With an old bundle, the program is asked for what is new, and gets another bundle
// if that is much.
func TestOldBundle(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep func(i int) bool
		puts int
	}{
		{"a few are new", func(i int) bool { return i%20 != 0 }, 0},
		{"many are new", func(i int) bool { return i%2 != 0 }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t, t.TempDir())
			m.compile()
			want := m.exports()
			m.requests()
			path := filepath.Join(m.store, key, indexName)
			index, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			kept := []byte(magic)
			for i := 0; len(magic)+(i+1)*recordSize <= len(index); i++ {
				if r := index[len(magic)+i*recordSize:][:recordSize]; tt.keep(i) {
					kept = append(kept, r...)
				}
			}
			if err := os.WriteFile(path, kept, 0o600); err != nil {
				t.Fatal(err)
			}
			m.compile()
			asked := m.requests()
			if gets := strings.Count(asked, "get"); gets != (len(index)-len(kept))/recordSize || strings.Count(asked, "put") != tt.puts {
				t.Errorf("it has asked for %q", asked)
			}
			if m.exports() != want {
				t.Error("the machine has something else")
			}
			m.requests()
			other := newMachine(t, m.shared)
			other.compile()
			if asked := other.requests(); asked != "get close" {
				t.Errorf("another machine has asked for %q", asked)
			}
		})
	}
}

// The go command says and does the same as without the process between, whatever is
// wrong with the program.
func TestFaults(t *testing.T) {
	for _, fault := range []string{
		"exits", "babbles", "dies at get", "dies after get", "breaks off at get", "answers another",
		"answers at length", "has no put", "has no close",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			mark := harnesstest.Mark(t.Name())
			var said [2]string
			for i := range said {
				m := newMachine(t, t.TempDir(), fault)
				m.env = []string{mark}
				out, err := m.with(compile(), i == 1).CombinedOutput()
				if err != nil {
					// Numbers and packages differ.
					said[i] = err.Error() + " " + regexp.MustCompile(`\d+|/\S+|\S+: `).ReplaceAllString(string(out), "N")
					said[i], _, _ = strings.Cut(said[i], "\n")
				}
				harnesstest.Await(t, "the program's end", func() bool { return len(harnesstest.Survivors(mark)) == 0 })
			}
			if said[0] != said[1] {
				t.Errorf("with it:    %q\nwithout it: %q", said[1], said[0])
			}
		})
	}
}

// A program that does not take the bundle is not offered another for a day.
func TestRefusedBundle(t *testing.T) {
	m := newMachine(t, t.TempDir(), "refuses put", "keeps nothing")
	for run, puts := range []int{1, 0} {
		m.compile()
		if asked := m.requests(); strings.Count(asked, "put") != puts {
			t.Errorf("run %d has asked for %q", run, asked)
		}
	}
}

// A program that does not answer in time is killed at the end.
func TestHangingProgram(t *testing.T) {
	mark := harnesstest.Mark(t.Name())
	m := newMachine(t, t.TempDir(), "hangs at put")
	m.env, m.patience = []string{mark}, time.Second/10
	m.compile()
	harnesstest.Await(t, "the program's end", func() bool { return len(harnesstest.Survivors(mark)) == 0 })
	if asked := m.requests(); strings.HasSuffix(asked, "close") {
		t.Errorf("it has asked for %q", asked)
	}
}

// If the go command is killed, nothing is left.
func TestKilledGo(t *testing.T) {
	mark := harnesstest.Mark(t.Name())
	m := newMachine(t, t.TempDir(), "is slow")
	m.env = []string{mark}
	cmd := m.with(compile(), true)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	harnesstest.Await(t, "a request", func() bool {
		_, err := os.Stat(filepath.Join(m.shared, "requests"))
		return err == nil
	})
	cmd.Process.Kill()
	cmd.Wait()
	harnesstest.Await(t, "the program's end", func() bool { return len(harnesstest.Survivors(mark)) == 0 })
}
