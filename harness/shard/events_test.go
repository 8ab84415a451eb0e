package shard

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// TestMerge merges files of several rounds, of which one ends in the middle of a
// line.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	mark := func(i int, ended bool) string {
		return string(Mark{Index: i, Total: 3, Plan: "p", Commit: "c", Ended: ended}.Line())
	}
	round := func(n int) string { return fmt.Sprintf(`{"Action":"output","Package":"p","NoEnd":"round %d"}`+"\n", n) }
	long := `{"Action":"output","Package":"p","Output":"` + strings.Repeat(`\"NoEnd\":\"round 2\" `, 10000) + `"}` + "\n"
	text := map[string]string{
		"1": mark(1, false) + round(1) + "a1\n" + round(2) + "a2\n" + round(3) + "a3\n" + mark(1, true),
		"2": mark(2, false) + "b1\n" + long + `{"half`,
		"3": mark(3, false) + round(1) + "c1\n" + round(2) + "c2\n" + mark(3, true),
	}
	var files []File
	for _, name := range []string{"1", "2", "3"} {
		path, content := filepath.Join(dir, name), []byte(text[name])
		if name == "3" {
			content = compressed(t, text[name])
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Scan(path)
		if err != nil || fmt.Sprint(f.Index) != name || f.Total != 3 || f.Ended != (name != "2") {
			t.Fatalf("%v: %+v", err, f)
		}
		files = append(files, f)
	}
	got, err := io.ReadAll(Merge(files))
	want := mark(1, false) + round(1) + "a1\n" + mark(2, false) + "b1\n" + long + "{\"half\n" + mark(3, false) + round(1) + "c1\n" +
		round(2) + "a2\n" + round(2) + "c2\n" + mark(3, true) + round(3) + "a3\n" + mark(1, true)
	if err != nil || string(got) != want {
		t.Errorf("%v:\n%.2000s\nwant\n%.2000s", err, got, want)
	}
	if got := Check(files); len(got) != 1 || !strings.HasSuffix(got[0], "2: shard 2/3: the run did not come to its end") {
		t.Errorf("%q", got)
	}
}

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll([]byte(text), nil)
}

// TestForeignFiles reads event files that are none of a shard, and rounds that are
// none of pgtest.
func TestForeignFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.json")
	for text, want := range map[string]string{
		"":                                 "no event file of a run with --shard",
		`{"Action":"start","Package":"p"}`: "no event file of a run with --shard",
		string(Mark{Index: 1, Total: 1}.Line()) + `{"Action":"output","Package":"p","NoEnd":"round 3"}` + "\n": "1 round",
		string(Mark{Index: 1, Total: 1}.Line()) + `{"Action":"output","Package":"p","NoEnd":"round 2"}` + "\n": "2 round",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Scan(path)
		got := fmt.Sprintf("%d round", len(f.rounds)-1)
		if err != nil {
			got = strings.TrimPrefix(err.Error(), path+": ")
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	file := func(path string, index, total int, plan, commit string) File {
		return File{Path: path, Mark: Mark{Index: index, Total: total, Plan: plan, Commit: commit, Ended: true}}
	}
	a := file("a", 1, 2, "p", "c")
	for _, tt := range []struct {
		files []File
		want  []string
	}{
		{[]File{a, file("b", 2, 2, "p", "c")}, nil},
		{[]File{a}, []string{"shard 2/2 is missing"}},
		{[]File{a, file("b", 2, 2, "p", "c"), file("c", 1, 2, "p", "c")}, []string{"shard 1/2 is there twice: a, c"}},
		{[]File{a, file("b", 2, 3, "p", "c")}, []string{"b: shard 2/3, but a is 1/2", "shard 2/2 is missing"}},
		{[]File{a, file("b", 2, 2, "q", "c")}, []string{"b: shard 2/2: of another plan than a"}},
		{[]File{a, file("b", 2, 2, "p", "0123456789abcdef")}, []string{"b: shard 2/2: of commit 0123456789ab, but a of c"}},
		{[]File{a, file("b", 2, 2, "p", "")}, []string{"b: shard 2/2: of commit unknown, but a of c"}},
	} {
		if got := Check(tt.files); !slices.Equal(got, tt.want) {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
