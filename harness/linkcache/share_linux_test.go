package linkcache

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
	"pgtest/harness/internal/cacheprog"
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

// packed returns what the program gets of an entry.
func packed(t testing.TB, c *Cache, k key) string {
	t.Helper()
	entry, err := os.Open(c.entryPath(k))
	if err != nil {
		t.Fatal(err)
	}
	defer entry.Close()
	p := packer{dir: t.TempDir()}
	body, err := p.pack(entry, k)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What a program answers is checked: a wrong answer is none.
func TestAnswerIsChecked(t *testing.T) {
	l := link{Cache: openCache(t), key: key{1}, command: &command{output: filepath.Join(t.TempDir(), "output")}}
	dir := t.TempDir()
	binary := filepath.Join(dir, "binary")
	writeFile(t, binary, strings.Repeat("x", 100000), 0o755)
	if err := l.put(l.key, binary, meta{Took: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := l.put(key{2}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	entry, other := packed(t, l.Cache, l.key), packed(t, l.Cache, key{2})
	// The path that the answer names, whose content is changed by a function.
	path := filepath.Join(dir, "entry")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	text := readFile(t, binary)
	kept, err := os.Open(l.entryPath(l.key))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	description, err := readTail(kept, entryMagic, l.key)
	if err != nil {
		t.Fatal(err)
	}
	endBytes, err := description.encode(packedMagic, l.key)
	if err != nil {
		t.Fatal(err)
	}
	end := string(endBytes)
	frame := func(text string, options ...zstd.EOption) string {
		var b strings.Builder
		z, err := zstd.NewWriter(&b, append([]zstd.EOption{zstd.WithWindowSize(packWindow)}, options...)...)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(z, text)
		z.Flush() // or its header says how little it needs
		z.Close()
		return b.String()
	}
	at := func(i int) string {
		changed := []byte(entry)
		changed[i] ^= 1
		return string(changed)
	}
	for _, tt := range []struct {
		name    string
		content string // with its own id and size
		change  func(*cacheprog.Response)
		right   bool
	}{
		{name: "right", content: entry, right: true},
		{name: "a wrong byte, whose id it gives", content: at(30)},
		{name: "a wrong byte of the key's sum", content: at(len(entry) - 1)},
		{name: "cut off", content: entry[:len(entry)-1]},
		{name: "longer", content: entry + "x"},
		{name: "nothing", content: ""},
		{name: "the entry of another link", content: other},
		{name: "an entry that is not packed", content: readFile(t, l.entryPath(l.key))},
		{name: "a binary in two frames", content: frame(text[:3]) + frame(text[3:]) + end, right: true},
		{name: "a longer binary", content: frame(text+"x") + end},
		{name: "a shorter binary", content: frame(text[1:]) + end},
		{name: "another binary", content: frame("y"+text[1:]) + end},
		{name: "a binary that is not packed", content: text + end},
		{name: "no binary", content: end},
		{name: "more memory than is given", content: frame(text, zstd.WithWindowSize(2*packWindow)) + end},
		{name: "no entry", content: strings.Repeat("y", 100000)},
		{name: "another id", content: entry, change: func(r *cacheprog.Response) { r.OutputID[0] ^= 1 }},
		{name: "no id", content: entry, change: func(r *cacheprog.Response) { r.OutputID = nil }},
		{name: "another size", content: entry, change: func(r *cacheprog.Response) { r.Size++ }},
		{name: "no size", content: entry, change: func(r *cacheprog.Response) { r.Size = 0 }},
		{name: "a miss", content: entry, change: func(r *cacheprog.Response) { r.Miss = true }},
		{name: "no path", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = "" }},
		{name: "a relative path", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = filepath.Base(path) }},
		{name: "no such file", content: entry, change: func(r *cacheprog.Response) { r.DiskPath += "x" }},
		{name: "a directory", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = dir }},
		{name: "a named pipe", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = pipe }},
		{name: "a device", content: entry, change: func(r *cacheprog.Response) { r.DiskPath = "/dev/zero" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := l.Clean(); err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, tt.content, 0o600)
			id, size, err := outputID(strings.NewReader(tt.content))
			if err != nil {
				t.Fatal(err)
			}
			r := cacheprog.Response{OutputID: id, Size: size, DiskPath: path}
			if tt.change != nil {
				tt.change(&r)
			}
			os.Remove(l.command.output)
			f := l.fetch(r, l.command.output)
			if right := f.err == nil; right != tt.right || right && (readFile(t, l.command.output) != readFile(t, binary) || f.meta.Took != time.Hour) {
				t.Errorf("%v, %v", f.meta.Took, f.err)
			}
			if _, err := os.Stat(l.command.output); err == nil && !tt.right {
				t.Error("there is an output")
			}
		})
	}
}

// A link with inputs that had to be read, because another machine has stamped them,
// is kept, to read them once.
func TestFetchedInputs(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, "libx.a")
	writeFile(t, library, "x", 0o600)
	here, err := newInput(fileInput, library, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, pipe := here, here
	elsewhere.Stamp, pipe.Stamp, pipe.Path = "another", "another", filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe.Path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		input         input
		fetched, kept bool
	}{
		{"the stamp of this machine", here, true, false},
		{"another stamp", elsewhere, true, true},
		{"a named pipe here", pipe, false, false},
	} {
		l := link{Cache: openCache(t), key: key{1}, command: &command{output: filepath.Join(dir, "output")}}
		if err := l.put(l.key, library, meta{Inputs: []input{tt.input}}); err != nil {
			t.Fatal(err)
		}
		entry, content := filepath.Join(dir, "entry"), packed(t, l.Cache, l.key)
		writeFile(t, entry, content, 0o600)
		if err := l.Clean(); err != nil {
			t.Fatal(err)
		}
		id, size, err := outputID(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		if f := l.fetch(cacheprog.Response{OutputID: id, Size: size, DiskPath: entry}, l.command.output); (f.err == nil) != tt.fetched {
			t.Errorf("%s: %v", tt.name, f.err)
		}
		if _, err := l.get(l.key, l.command.output); (err == nil) != tt.kept {
			t.Errorf("%s: the cache has it: %v", tt.name, err)
		}
		if !tt.kept {
			continue
		}
		kept, err := os.Open(l.entryPath(l.key))
		if err != nil {
			t.Fatal(err)
		}
		defer kept.Close()
		if kept, err := readTail(kept, entryMagic, l.key); err != nil || kept.meta.Inputs[0] != here {
			t.Errorf("%s: %v, %v", tt.name, kept.meta.Inputs, err)
		}
	}
}

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

// A damaged entry is not given to other machines.
func TestDamagedPut(t *testing.T) {
	c := openCache(t)
	binary := filepath.Join(t.TempDir(), "binary")
	writeFile(t, binary, strings.Repeat("x", 1000), 0o700)
	if err := c.put(key{}, binary, meta{}); err != nil {
		t.Fatal(err)
	}
	whole, p := readFile(t, c.entryPath(key{})), packer{dir: t.TempDir()}
	for i := range len(whole) {
		entry := filepath.Join(p.dir, "entry")
		changed := []byte(whole)
		changed[i] ^= 1
		writeFile(t, entry, string(changed), 0o600)
		f, err := os.Open(entry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.pack(f, key{}); err == nil {
			t.Errorf("packed with byte %d changed", i)
		}
		f.Close()
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

// checkGone waits until no process with the mark is alive: one that is killed
// may live for a moment.
func checkGone(t *testing.T, mark string) {
	t.Helper()
	harnesstest.Await(t, "the program's end", func() bool { return len(harnesstest.Survivors(mark)) == 0 })
}
