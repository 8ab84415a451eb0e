package linkcache

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
	"pgtest/harness/internal/control"
	"pgtest/harness/internal/message"
)

// A machine is a link whose run has a Share.
type machine struct {
	*fakeLink
	share *Share
}

// patient waits for what a program does on a busy machine.
var patient = patience{moment: time.Minute, first: time.Minute, get: time.Minute, put: time.Minute}

// newMachine starts a run on a machine with an empty cache. program is the value
// of GOCACHEPROG.
func newMachine(t *testing.T, program string, p patience) *machine {
	t.Helper()
	m := &machine{fakeLink: newFakeLink(t, openCache(t), writesBinary+"; echo a warning")}
	m.cache.Program = program
	m.restart(p)
	return m
}

// restart begins a run.
func (m *machine) restart(p patience) {
	m.t.Helper()
	l, err := control.NewListener(m.t.TempDir())
	if err == nil {
		err = l.Open()
	}
	m.t.Cleanup(func() { l.Close() })
	if err != nil {
		m.t.Fatal(err)
	}
	sock, err := l.Second()
	if err != nil {
		m.t.Fatal(err)
	}
	if m.share, err = m.cache.Share(sock, "", m.env); err != nil {
		m.t.Fatal(err)
	}
	m.share.patience = p
	m.t.Cleanup(m.end)
	m.env = append(m.env, control.SocketVariable+"="+l.Path())
}

// dial lets the test ask as a link of the run does.
func (m *machine) dial() {
	name, path, _ := strings.Cut(m.env[len(m.env)-1], "=")
	m.t.Setenv(name, path)
}

func (m *machine) end() {
	if m.share != nil {
		m.share.Close(context.Background())
	}
	m.share = nil
}

// cacheProgram returns the value of GOCACHEPROG for a program that stores into
// dir.
func cacheProgram(t testing.TB, dir string, faults ...string) string {
	t.Helper()
	value, err := gotest.JoinQuoted(append([]string{self(t), "__cacheprog", dir}, faults...))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func requests(t testing.TB, dir string) string {
	t.Helper()
	return strings.Join(strings.Fields(readFile(t, filepath.Join(dir, "requests"))), " ")
}

// Two machines, which share a program, link once.
func TestShare(t *testing.T) {
	dir := t.TempDir()
	first, second := newMachine(t, cacheProgram(t, dir), patient), newMachine(t, cacheProgram(t, dir), patient)
	second.linker, second.runs = first.linker, first.runs
	first.mustLink("first machine", 1)
	first.mustLink("first machine, again", 1)
	first.end()
	second.mustLink("second machine", 1)
	if out, _ := second.run(); out != "a warning\n" {
		t.Errorf("printed %q", out)
	}
	second.end()
	if readFile(t, first.output) != readFile(t, second.output) {
		t.Error("the machines have different binaries")
	}
	checkOutcomes(t, first.cache, "mh")
	checkOutcomes(t, second.cache, "ff")
	if got, want := requests(t, dir), "get put close get get close"; got != want {
		t.Errorf("requests %q, want %q", got, want)
	}
}

// A program starts when the first link asks.
func TestProgramStartsLate(t *testing.T) {
	dir := t.TempDir()
	m := newMachine(t, cacheProgram(t, dir), patient)
	m.end()
	if _, err := os.Stat(filepath.Join(dir, "requests")); err == nil {
		t.Error("the program ran")
	}
}

// Programs that can't do everything are asked for what they can do.
func TestKnownCommands(t *testing.T) {
	for _, tt := range []struct{ lacks, want string }{
		{"has no put", "get close"},
		{"has no get", "put close"},
		{"has no close", "get put"},
	} {
		dir := t.TempDir()
		m := newMachine(t, cacheProgram(t, dir, tt.lacks), patient)
		m.mustLink(tt.lacks, 1)
		m.end()
		if got := requests(t, dir); got != tt.want {
			t.Errorf("%s: requests %q, want %q", tt.lacks, got, tt.want)
		}
	}
}

// At its end a run waits for its first put, also if a link tells of it only then.
func TestFirstPut(t *testing.T) {
	for _, tt := range []struct {
		name string
		late bool
	}{{"before the end", false}, {"at the end", true}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := newMachine(t, cacheProgram(t, dir, "waits at put"), impatient)
			if err := m.cache.put(key{1}, m.runs, meta{}); err != nil {
				t.Fatal(err)
			}
			m.dial()
			p := askShare(key{1})
			defer p.close()
			for p.next().Later {
			}
			if !tt.late {
				p.tell(question{Linked: true})
				harnesstest.Await(t, "the put", func() bool { return requests(t, dir) == "get put" })
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				m.end()
			}()
			harnesstest.Await(t, "the end of the run", func() bool {
				conn, err := control.DialSecond()
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			if tt.late {
				p.tell(question{Linked: true})
			}
			writeFile(t, filepath.Join(dir, "go-on"), "", 0o600)
			<-ended
			if _, err := os.Stat(filepath.Join(dir, key{1}.String())); err != nil {
				t.Error(err)
			}
		})
	}
}

// The program may cost a moment and a fiftieth of the run.
func TestAllowance(t *testing.T) {
	cpus := time.Duration(runtime.NumCPU())
	for _, tt := range []struct {
		age, lost, want time.Duration
	}{
		{0, 0, time.Second / 10},
		{time.Minute, 0, 700 * time.Millisecond},
		{time.Minute, time.Second, -300 * time.Millisecond},
		{time.Minute, 10 * time.Second, -9300 * time.Millisecond},
		{time.Minute, -10 * time.Second, 10700 * time.Millisecond},
	} {
		s := &Share{started: time.Now().Add(-tt.age), patience: usual}
		s.account(question{Lost: tt.lost * cpus})
		if got := s.allowance(); got < tt.want || got > tt.want+time.Minute/100 {
			t.Errorf("after %v, with %v lost: %v, want %v", tt.age, tt.lost, got, tt.want)
		}
	}
	first := &Share{patience: usual, storing: true, first: time.Now()}
	if got := first.untilFirst(); got <= 0 || got > usual.first {
		t.Errorf("the first put may take %v", got)
	}
	if first.any = true; first.untilFirst() != 0 {
		t.Error("the second put may take as long")
	}
}

// A run takes into account what the program has cost a link, and nothing that is no
// link's.
func TestQuestions(t *testing.T) {
	m := newMachine(t, cacheProgram(t, t.TempDir()), patient)
	m.dial()
	conn, err := control.DialSecond()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := message.Send(conn, question{Key: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
		t.Errorf("to a short key: %q, %v", answer, err)
	}
	p := askShare(key{1})
	defer p.close()
	if a := p.next(); !a.Miss || a.Later {
		t.Errorf("answer %v", a)
	}
	p.tell(question{Lost: 100 * time.Hour})
	harnesstest.Await(t, "the loss", func() bool { return m.share.allowance() < 0 })
}

// An entry goes through little memory, and leaves nothing in the cache's directory.
func TestLargePut(t *testing.T) {
	m := newMachine(t, cacheProgram(t, t.TempDir(), "keeps nothing"), patient)
	m.share.get(t.Context(), key{})
	binary := filepath.Join(t.TempDir(), "binary")
	writeFile(t, binary, "", 0o700)
	if err := os.Truncate(binary, 24<<20); err != nil {
		t.Fatal(err)
	}
	if err := m.cache.put(key{}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(m.cache.dir)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := m.cache.offer(m.share.program, &packer{dir: m.cache.dir}, key{}, patient.put); err != nil {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes of memory", used)
	}
	if now, err := os.ReadDir(m.cache.dir); err != nil || len(now) != len(files) {
		t.Errorf("%v in the cache, %v; before %v", now, err, files)
	}
}

// Machines that run at once share what go-tool-cache's server has, with the
// set-up of docs/scale.md.
func TestGoToolCache(t *testing.T) {
	docs := readFile(t, "../../docs/scale.md")
	if !strings.Contains(docs, "export GOCACHEPROG='go-cacher -cache-server=http://") || !strings.Contains(docs, "go-cacher-server -listen=:31364 -cache-dir=/") {
		t.Error("the set-up of the docs is another")
	}
	server, err := harnesstest.StartCacheServer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	first := newMachine(t, server.Program(t.TempDir()), patient)
	first.mustLink("first machine", 1)
	first.end()
	others := make([]*machine, 4)
	for i := range others {
		others[i] = newMachine(t, server.Program(t.TempDir()), patient)
		others[i].linker = first.linker
	}
	var all sync.WaitGroup
	for _, m := range others {
		all.Go(func() {
			if out, status := m.run(); status != 0 {
				t.Errorf("exit status %d: %s", status, out)
			}
		})
	}
	all.Wait()
	for _, m := range others {
		m.end()
		checkOutcomes(t, m.cache, "f")
		if readFile(t, m.output) != readFile(t, first.output) {
			t.Error("the machines have different binaries")
		}
	}
}
