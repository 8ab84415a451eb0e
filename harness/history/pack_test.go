package history

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"pgtest/jsonstream/genstream"
)

// oddLines are texts that a packer takes for something special, or nearly.
var oddLines = append(genstream.OddLines(), strings.Split(eventsText+`
{"Time":"2026-11-26T06:00:00.1Z","Action":"output","Package":"m/a","Test":"T","Output":"x\n"}
{"Time":"2026-11-26T06:00:00.10Z","Action":"output","Package":"m/a","Test":"T","Output":"x\n"}
{"Time":"2026-11-26T06:00:00.123456789+02:00","Action":"output","Package":"m/a","Test":"T","Output":"x"}
{"Time":"2026-11-26T06:00:00.123456789-07:30","Action":"output","Package":"m/a","Test":"T","Output":"\n"}
{"Time":"2026-11-26T06:00:00+00:00","Action":"run","Package":"m/a","Test":"T"}
{"Time":"2026-11-26T06:00:00.1234567890Z","Action":"run","Package":"m/a","Test":"T"}
{"Time":"2026-11-26T06:00:00.Z","Action":"run","Package":"m/a","Test":"T"}
{"Time":"2026-11-26T05:59:59Z","Action":"run","Package":"m/a","Test":"T"}
{"Time":"0001-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"T"}
{"Time":"9999-01-01T00:00:00Z","Action":"run","Package":"m/a","Test":"T"}
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a"
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a","Test":"
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a","Test":"a \"b\" \\"}
{"Time":"2026-11-26T06:00:00Z","Action":"output","Package":"m/a","Test":"T","Output":"x\n","OutputType":"frame"}
{"Time":"2026-11-26T06:00:00Z","Action":"output","Package":"m/a","Output":"x\n"}
{"Time":"2026-11-26T06:00:00Z","Action":"output","Package":"m/a","Output":"\n"} `+`
{"Time":"2026-11-26T06:00:00Z","Action":"pass","Package":"m/a","Test":"T","Elapsed":0.01}
{"Time":"2026-11-26T06:00:00Z","Action":"odd","Package":"m/a"}
{"Time":"2026-11-26T06:00:00Z","Action":"run"}
{"Time":"2026-11-26T06:00:00Z
{"Time":"
{"ImportPath":"m/a","Action":"build-output","Output":"x\n"}
{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"m/a"}`+"\r", "\n")...)

// unpack returns the whole lines of batches, and the error that ends them.
func unpack(batches []byte) (string, error) {
	text, err := io.ReadAll(newUnpacker(bytes.NewReader(batches)))
	return string(text), err
}

// TestPack wants each line back as it was, in pieces and batches of any size.
func TestPack(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for n := range 300 {
		var p packer
		var lines, batches []byte
		for range r.IntN(200) {
			line := oddLines[r.IntN(len(oddLines))] + "\n"
			if r.IntN(20) == 0 { // more places than are remembered
				line = strings.Replace(line, `:"T"`, `:"T`+strings.Repeat("x", r.IntN(2*maxPlaces))+`"`, 1)
			}
			lines = append(lines, line...)
		}
		for rest := lines; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1<<r.IntN(16)))
			p.add(rest[:n])
			rest = rest[n:]
			if r.IntN(3) == 0 || len(rest) == 0 {
				batches = p.take(batches)
			}
		}
		if got, err := unpack(batches); err != nil || got != string(lines) {
			t.Fatalf("seed %d, %d: %v: %q, want %q", seed, n, err, got, lines)
		}
	}
}

// TestPlaces names more places than are remembered, and each again.
func TestPlaces(t *testing.T) {
	var lines, batches []byte
	var p packer
	for i := range 3 * maxPlaces {
		for _, n := range []int{i, i / 2, i - i%maxPlaces} {
			lines = append(lines, `{"Time":"2026-11-26T06:00:00Z","Action":"run","Package":"p`+strings.Repeat("x", n%7)+`","Test":"`+string(rune('a'+n))+"\"}\n"...)
		}
	}
	p.add(lines)
	batches = p.take(batches)
	if got, err := unpack(batches); err != nil || got != string(lines) {
		t.Errorf("%v, %d bytes, want %d", err, len(got), len(lines))
	}
}

// TestPackSmall wants little of a line that says nothing new but an output.
func TestPackSmall(t *testing.T) {
	var stream bytes.Buffer
	if err := genstream.Write(&stream, genstream.Options{Packages: 4, Tests: 10, Lines: 100, Running: 1}); err != nil {
		t.Fatal(err)
	}
	var p packer
	// That of a package is of no test, but begins as theirs do.
	p.add([]byte(`{"Time":"2026-11-26T06:00:00Z","Action":"output","Package":"m","Output":"x\n"}
{"Time":"2026-11-26T06:00:00Z","Action":"output","Package":"m","Test":"T","Output":"x\n"}
`))
	if n := bytes.Count(p.text, []byte(`"Package"`)); n != 2 {
		t.Errorf("%d places, want 2", n)
	}
	p.add(stream.Bytes())
	if n := p.size(); n*3 > stream.Len() {
		t.Errorf("%d bytes of %d", n, stream.Len())
	}
}

// TestLarge leaves outputs out of a run that prints too much.
func TestLarge(t *testing.T) {
	const output = `{"Action":"output","Package":"p","Output":"x`
	var p packer
	p.add([]byte(output))
	p.withoutOutputs = true
	p.add([]byte("y\n\"}\n" + output))
	p.add([]byte("z"))
	p.add([]byte("\"}\n" + `{"Action":"pass","Package":"p"}` + "\n"))
	const want = output + "y\n\"}\n" + `{"Action":"pass","Package":"p"}` + "\n"
	if got, err := unpack(p.take(nil)); err != nil || got != want {
		t.Errorf("%v: %s", err, got)
	}
}

// TestUnpackCut reads whole batches of what is cut off.
func TestUnpackCut(t *testing.T) {
	var p packer
	p.add([]byte(eventsText))
	first := p.take(nil)
	p.add([]byte(eventsText))
	all := p.take(first)
	for n := range all {
		want := ""
		if n >= len(first) {
			want = eventsText
		}
		got, err := unpack(all[:n])
		if wantErr := n > 0 && n != len(first); got != want || (err == io.ErrUnexpectedEOF) != wantErr {
			t.Fatalf("%d bytes: %v, %q", n, err, got)
		}
	}
}

// FuzzPack wants any text back, and reads any text as batches.
func FuzzPack(f *testing.F) {
	for _, line := range oddLines {
		f.Add([]byte(line + "\n" + line))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p packer
		p.add(text)
		batch := p.take(nil)
		if got, err := unpack(batch); err != nil || got != string(text) {
			t.Errorf("%v: %q, want %q", err, got, text)
		}
		drop(text)
		if n := len(text); n > 0 {
			batch[n%len(batch)] ^= text[0] // it may mean anything, and breaks nothing
			drop(batch)
		}
	})
}

func drop(batches []byte) {
	io.CopyN(io.Discard, newUnpacker(bytes.NewReader(batches)), 1<<20)
}

// TestExport wants a file that anybody can read who has zstd, and a run that was
// recorded in such a file.
func TestExport(t *testing.T) {
	s := newStore(t)
	r := begin(t, s)
	feed(t, r, eventsText)
	r.Finish(Failed, 1)
	run, err := s.Find("1")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := run.Export(&file); err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if text, err := io.ReadAll(d); err != nil || string(text) != eventsText {
		t.Errorf("%v: %s", err, text)
	}
	if !bytes.Contains(file.Bytes(), []byte("pgtest history 1\n")) {
		t.Error("no program of an earlier version reads it")
	}
	for name, text := range map[string][]byte{"2": file.Bytes(), "3": file.Bytes()[:file.Len()-30]} { // 3 was killed
		if err := os.WriteFile(filepath.Join(s.dir, name+suffix), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"2", "3"} {
		run, err := s.Find(name)
		if err != nil || run.Tests != 2 || run.FailedTests != 1 {
			t.Fatalf("%s: %v: %+v", name, err, run)
		}
		if got := events(t, run); got != eventsText {
			t.Errorf("%s: %s", name, got)
		}
		var again bytes.Buffer
		if err := run.Export(&again); err != nil || name == "2" && !bytes.Equal(again.Bytes(), file.Bytes()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
