package linkcache

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgtest/harness/gotest"
	"pgtest/harness/harnesstest"
)

// impatient lets no link wait.
var impatient = patience{moment: -time.Hour, first: time.Minute, get: time.Hour, put: time.Minute}

// A link does not wait for an answer that is late: the linker runs meanwhile, and
// what comes first is taken. The run learns of it.
func TestLateAnswer(t *testing.T) {
	dir := t.TempDir()
	first := newMachine(t, cacheProgram(t, dir), patient)
	writeFile(t, first.linker, "#!/bin/sh\nout=$2\necho run >>"+first.runs+"\neval \"${LINKER:-printf first >$out}\"\n", 0o777)
	share := first.env
	first.env = nil
	first.mustLink("first machine", 1)
	first.env = share
	id, err := hex.DecodeString(strings.TrimSuffix(filepath.Base(first.entry()), entrySuffix))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.cache.put(key(id), first.output, meta{Took: time.Hour}); err != nil {
		t.Fatal(err)
	}
	first.share.asked()
	first.share.put(key(id))
	first.end()
	goOn := filepath.Join(dir, "go-on")
	for _, tt := range []struct {
		name, linker, outcome, want string
		late                        int
		saved                       bool
	}{
		{"the linker would go on", "touch " + goOn + "; exec sleep 1000", "f", "first", 0, true},
		{"the program would go on", `printf own >"$out"`, "m", "own", 2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			os.Remove(goOn)
			m := newMachine(t, cacheProgram(t, dir, "waits at get"), impatient)
			m.linker, m.runs = first.linker, first.runs
			m.env = append(m.env, "LINKER="+tt.linker)
			m.share.account(question{Late: true})
			m.mustLink("second machine", first.linked()+1)
			checkOutcomes(t, m.cache, tt.outcome)
			if got := readFile(t, m.output); got != tt.want {
				t.Errorf("the output is %q, want %q", got, tt.want)
			}
			writeFile(t, goOn, "", 0o600)
			share := m.share
			m.end()
			if share.late != tt.late || share.lost < 0 != tt.saved {
				t.Errorf("%d late answers, %v lost", share.late, share.lost)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(m.output), "*.fetched")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// What a linker that is killed leaves goes with the go command's work directory.
func TestTemporaryFiles(t *testing.T) {
	l := newFakeLink(t, openCache(t), writesBinary+`; echo "$TMPDIR"`)
	out, status := l.run()
	if work := filepath.Dir(l.output); status != 0 || !strings.HasPrefix(out, work+"/") {
		t.Errorf("exit status %d, temporary files in %q; the work directory is %s", status, out, work)
	}
}

// While a link runs, the late answer takes its place, if that is the link and nothing
// of the linker is left when that is killed.
func TestLaterAnswer(t *testing.T) {
	waits := `touch "$out.runs"; while [ ! -e "$out.go-on" ]; do sleep 0.01; done; printf own >"$out"`
	compiler := filepath.Join(t.TempDir(), "compiler")
	writeFile(t, compiler, "#!/bin/sh\n", 0o700)
	extld, err := gotest.JoinQuoted([]string{compiler})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, linker string
		wrapped      bool
		answer       error
		want         string
		damaged      bool
	}{
		{name: "the link", linker: waits, want: "fetched"},
		{name: "a miss", linker: waits, answer: os.ErrNotExist, want: "own"},
		{name: "damaged", linker: waits, answer: errDamaged, want: "own", damaged: true},
		{name: "a wrapper", linker: waits, wrapped: true, want: "own"},
		{name: "an external linker", linker: `for extld; do case $extld in -extld=*) ${extld#-extld=} -v; esac; done; ` + waits, want: "own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeLink(t, openCache(t), tt.linker)
			f.flags[2] = "-extld=" + extld
			if tt.wrapped {
				f.wrap = []string{"env"}
			}
			words := f.command().Args
			words = words[len(words)-len(f.wrap)-len(f.flags)-6:]
			c, err := parseCommand(words, len(f.wrap))
			if err != nil {
				t.Fatal(err)
			}
			l := link{Cache: f.cache, command: c}
			later, done := make(chan fetch), make(chan result)
			go func() {
				r, err := l.link(later)
				if err != nil {
					t.Error(err)
				}
				done <- r
			}()
			harnesstest.Await(t, "the linker", func() bool { _, err := os.Stat(f.output + ".runs"); return err == nil })
			answer := fetch{meta: meta{Output: []byte("printed"), Took: time.Hour}, err: tt.answer}
			if tt.answer == nil {
				writeFile(t, l.fetchedOutput(), "fetched", 0o700)
			}
			later <- answer
			if tt.want == "own" {
				writeFile(t, f.output+".go-on", "", 0o600)
			}
			r := <-done
			if got := readFile(t, f.output); got != tt.want {
				t.Errorf("the output is %q, want %q", got, tt.want)
			}
			fetched := tt.want == "fetched"
			if has := tt.want == "own" && tt.answer == nil; r.has != has || r.late {
				t.Errorf("the program has it: %v, want %v; late: %v", r.has, has, r.late)
			}
			if r.fetched != fetched || r.stored == fetched && tt.name != "an external linker" || r.damaged != tt.damaged || fetched && (r.took != time.Hour || string(r.printed) != "printed") {
				t.Errorf("result %+v", r)
			}
			if _, err := os.Stat(l.fetchedOutput()); err == nil {
				t.Error("what was fetched is left")
			}
		})
	}
}

// The external linker is called, or it is forbidden: never both.
func TestForbid(t *testing.T) {
	for range 200 {
		r := &recorder{dir: filepath.Join(t.TempDir(), "extld")}
		writeFile(t, r.notes(), "", 0o600)
		begun := make(chan bool)
		notes := r.notes()
		go func() { begun <- begin(notes) == nil }()
		forbidden := r.forbid()
		if <-begun && forbidden {
			t.Fatal("an external linker is called that is forbidden")
		}
		if again := begin(notes) == nil; again == forbidden {
			t.Fatalf("forbidden: %v; called: %v", forbidden, again)
		}
		if !forbidden && r.notes() != notes {
			t.Fatalf("the notes are in %s, and looked for in %s", notes, r.notes())
		}
	}
}

// A link that did not wait is put if the program has none, or another.
func TestPutAfterLate(t *testing.T) {
	for _, tt := range []struct {
		name string
		has  bool
		q    question
		want string
	}{
		{"none", false, question{Linked: true}, "get put close"},
		{"none, late", false, question{Linked: true, Late: true}, "get put close"},
		{"has it, late", true, question{Linked: true, Late: true}, "get close"},
		{"has one that is not used", true, question{Linked: true}, "get put close"},
		{"not linked", false, question{}, "get close"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := newMachine(t, cacheProgram(t, dir), patient)
			if err := m.cache.put(key{1}, m.runs, meta{}); err != nil {
				t.Fatal(err)
			}
			m.dial()
			ask := func(q question) {
				p := askShare(key{1})
				defer p.close()
				p.next()
				p.tell(q)
			}
			if tt.has {
				ask(question{Linked: true})
				m.end()
				os.Remove(filepath.Join(dir, "requests"))
				m.restart(patient)
				m.dial()
			}
			ask(tt.q)
			m.end()
			if got := requests(t, dir); got != tt.want {
				t.Errorf("requests %q, want %q", got, tt.want)
			}
		})
	}
}

// A program whose answers are always late is not asked any more.
func TestAlwaysLate(t *testing.T) {
	dir := t.TempDir()
	m := newMachine(t, cacheProgram(t, dir, "keeps nothing"), patient)
	ask := func() bool { return !m.share.get(t.Context(), key{}).Miss || len(requests(t, dir)) > 0 }
	for range maxLate - 1 {
		m.share.account(question{Late: true})
	}
	m.share.account(question{})
	for range maxLate - 1 {
		m.share.account(question{Late: true})
	}
	if !ask() {
		t.Error("a program that was in time once is not asked")
	}
	m.share.account(question{Late: true})
	m.share.account(question{})
	if os.Remove(filepath.Join(dir, "requests")); m.share.asked() != nil {
		t.Error("a program that is always late is asked")
	}
}

// A program gets nothing before it has answered in time, and at the end of the run
// only if it was not asked often.
func TestPutsOfLate(t *testing.T) {
	for _, tt := range []struct {
		name       string
		late       int  // answers
		inTime     bool // the last
		during, at string
	}{
		{"in time", maxLate - 1, true, "put", "put close"},
		{"seldom asked", maxLate - 1, false, "", "put close"},
		{"always late", maxLate, false, "", "close"},
		{"given up", maxLate, true, "", "close"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			m := newMachine(t, cacheProgram(t, dir), patient)
			if err := m.cache.put(key{1}, m.runs, meta{}); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "requests"), "", 0o600)
			if !m.share.asked().can(t.Context(), "put") {
				t.Fatal("it can't put")
			}
			m.share.put(key{1})
			for range tt.late {
				m.share.account(question{Late: true})
			}
			if tt.inTime {
				m.share.account(question{})
			}
			if tt.during != "" {
				harnesstest.Await(t, "the put", func() bool { return requests(t, dir) == tt.during })
			} else if m.share.storing {
				t.Error("it is put already")
			}
			m.end()
			if got := requests(t, dir); got != tt.at {
				t.Errorf("requests %q, want %q", got, tt.at)
			}
		})
	}
}

// Nothing is awaited for a link that is gone.
func TestGoneLink(t *testing.T) {
	dir := t.TempDir()
	m := newMachine(t, cacheProgram(t, dir, "hangs at get"), impatient)
	m.dial()
	p := askShare(key{1})
	harnesstest.Await(t, "the question", func() bool {
		_, err := os.Stat(filepath.Join(dir, "requests"))
		return err == nil
	})
	p.close()
	harnesstest.Await(t, "the end of its connection", func() bool {
		m.share.mu.Lock()
		defer m.share.mu.Unlock()
		return len(m.share.conns) == 0
	})
	if m.share.inTime {
		t.Error("the program has answered in time")
	}
}

// A link is not kept if a call of the external linker is not described.
func TestNotes(t *testing.T) {
	r := &recorder{dir: t.TempDir()}
	for _, tt := range []struct {
		notes string
		want  error
	}{
		{"", nil},
		{"\n", errNotes},
		{"\n{}\n\n", errNotes},
	} {
		writeFile(t, r.notes(), tt.notes, 0o600)
		if inputs, err := r.inputs(time.Now()); err != tt.want || inputs != nil {
			t.Errorf("%q: %v, %v, want %v", tt.notes, inputs, err, tt.want)
		}
	}
}
