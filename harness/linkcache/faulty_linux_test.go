package linkcache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/harnesstest"
	"pgtest/harness/internal/control"
)

// Whatever a program does, each link gets its own binary, and the run ends, with
// nothing left of the program. A program of which no answer is awaited for long
// is given little time here, the others as much as they take.
func TestFaultyProgram(t *testing.T) {
	short := patience{moment: 50 * time.Millisecond, first: 50 * time.Millisecond, get: 50 * time.Millisecond, put: 50 * time.Millisecond}
	for _, tt := range []struct {
		faults   []string
		patience patience
	}{
		{[]string{"exits"}, patient},
		{[]string{"babbles"}, patient},
		{[]string{"floods"}, patient},
		{[]string{"dies at get"}, patient},
		{[]string{"dies after get"}, patient},
		{[]string{"dies at put"}, patient},
		{[]string{"breaks off at get"}, patient},
		{[]string{"answers another"}, patient},
		{[]string{"answers at length"}, patient},
		{[]string{"refuses get"}, patient},
		{[]string{"keeps nothing"}, patient},
		{[]string{"leaves a child"}, patient},
		{[]string{"is silent"}, short},
		{[]string{"leaves a child", "hangs at get"}, short},
		{[]string{"hangs at put"}, short},
		{[]string{"hangs at close"}, short},
		{[]string{"ignores the end"}, short},
		{[]string{"has no close", "ignores the end"}, short},
	} {
		t.Run(fmt.Sprint(tt.faults), func(t *testing.T) {
			t.Parallel()
			mark := harnesstest.Mark(t.Name())
			m := newMachine(t, cacheProgram(t, t.TempDir(), tt.faults...), tt.patience)
			m.share.env = append(os.Environ(), mark)
			m.mustLink("first", 1)
			m.flags[1] += "0"
			m.mustLink("second", 2)
			m.end()
			checkOutcomes(t, m.cache, "mm")
			checkGone(t, mark)
		})
	}
}

// A link that the program has damaged is done again.
func TestDamagingProgram(t *testing.T) {
	program := cacheProgram(t, t.TempDir(), "damages")
	first, second := newMachine(t, program, patient), newMachine(t, program, patient)
	second.linker, second.runs = first.linker, first.runs
	first.mustLink("first machine", 1)
	first.end()
	second.mustLink("second machine", 2)
	second.end()
	checkOutcomes(t, second.cache, "m")
	if readFile(t, first.output) != readFile(t, second.output) {
		t.Error("the machines have different binaries")
	}
}

// A program that damages what it keeps is soon given up.
func TestDamagesAll(t *testing.T) {
	dir := t.TempDir()
	program := cacheProgram(t, dir, "damages")
	first, second := newMachine(t, program, patient), newMachine(t, program, patient)
	second.linker, second.runs = first.linker, first.runs
	id := first.flags[1]
	for i := range maxDamaged + 2 {
		first.flags[1] = id + fmt.Sprint(i)
		first.mustLink("first machine", i+1)
	}
	first.end()
	os.Remove(filepath.Join(dir, "requests"))
	for i := range maxDamaged + 2 {
		second.flags[1] = id + fmt.Sprint(i)
		second.mustLink("second machine", maxDamaged+2+i+1)
		// The next link asks when the run knows of this one.
		harnesstest.Await(t, "the damage", func() bool {
			second.share.mu.Lock()
			defer second.share.mu.Unlock()
			return second.share.damaged == min(i+1, maxDamaged)
		})
	}
	second.end()
	if gets := strings.Count(requests(t, dir), "get"); gets != maxDamaged {
		t.Errorf("%d links were asked for, want %d", gets, maxDamaged)
	}
}

// A run that is interrupted does not wait for its puts.
func TestInterruptedShare(t *testing.T) {
	mark, dir := harnesstest.Mark(t.Name()), t.TempDir()
	p := patient
	p.put = time.Hour
	m := newMachine(t, cacheProgram(t, dir, "hangs at put", "leaves a child"), p)
	m.share.env = append(os.Environ(), mark)
	m.mustLink("first", 1)
	harnesstest.Await(t, "the put", func() bool { return requests(t, dir) == "get put" })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m.share.Close(ctx)
	m.share = nil
	checkGone(t, mark)
}

func TestNoProgram(t *testing.T) {
	m := newMachine(t, "no-such-program", patient)
	m.mustLink("missing program", 1)
	m.end()
	for _, value := range []string{"'open quote", " "} {
		m.cache.Program = value
		if share, err := m.cache.Share(nil, "", nil); share != nil {
			t.Errorf("%q: %v, %v", value, share, err)
		}
	}
	m.env = []string{control.SocketVariable + "=" + filepath.Join(t.TempDir(), "none")}
	m.flags[1] += "0"
	m.mustLink("no socket", 2)
}

// A program that is full gets no more than a few entries in vain.
func TestFullProgram(t *testing.T) {
	dir := t.TempDir()
	m := newMachine(t, cacheProgram(t, dir, "refuses put"), patient)
	id := m.flags[1]
	for i := range maxPutErrors + 2 {
		m.flags[1] = id + fmt.Sprint(i)
		m.mustLink(fmt.Sprint("link ", i), i+1)
	}
	m.end()
	if got := strings.Count(requests(t, dir), "put"); got != maxPutErrors {
		t.Errorf("%d puts, want %d", got, maxPutErrors)
	}
}

// A program that takes some entries gets all.
func TestFullAtTimes(t *testing.T) {
	const entries = 3 * maxPutErrors
	s := &Share{cache: openCache(t), patience: patient, puts: make(chan key, entries), stored: make(chan struct{})}
	binary := filepath.Join(t.TempDir(), "binary")
	writeFile(t, binary, "x", 0o700)
	for i := range entries {
		if err := s.cache.put(key{byte(i)}, binary, meta{}); err != nil {
			t.Fatal(err)
		}
		s.puts <- key{byte(i)}
	}
	close(s.puts)
	dir := t.TempDir()
	s.store(shellProgram(t, dir, knowsAll+fmt.Sprintf(`n=0; while read -r line; do case $line in *'"put"'*)
		n=$((n+1)); echo $n >>puts; [ $((n %% %d)) = 0 ] && echo "{\"ID\":$n}" || echo "{\"ID\":$n,\"Err\":\"full\"}";;
	esac; done`, maxPutErrors)))
	if got := strings.Count(readFile(t, filepath.Join(dir, "puts")), "\n"); got != entries {
		t.Errorf("%d puts, want %d", got, entries)
	}
}

// A program that has not taken an entry in time gets nothing more: the entry may be
// on its way still.
func TestLatePut(t *testing.T) {
	c, binary := openCache(t), filepath.Join(t.TempDir(), "binary")
	writeFile(t, binary, "x", 0o700)
	if err := c.put(key{}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	p := shellProgram(t, t.TempDir(), knowsAll+`while read -r line; do :; done`)
	if !p.can(t.Context(), "put") {
		t.Fatal("it can't put")
	}
	if err := c.offer(p, &packer{dir: c.dir}, key{}, 100*time.Millisecond); err == nil || !p.hasFailed() {
		t.Errorf("%v; failed: %v", err, p.hasFailed())
	}
}

// checkGone waits until no process with the mark is alive: one that is killed
// may live for a moment.
func checkGone(t *testing.T, mark string) {
	t.Helper()
	harnesstest.Await(t, "the program's end", func() bool { return len(harnesstest.Survivors(mark)) == 0 })
}
