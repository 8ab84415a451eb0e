package coverage

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// files are those of testdata/m: one with its source, one whose source is gone, one
// whose source is shorter than it was, and one that nobody knows.
func files(t *testing.T) []File {
	t.Helper()
	text, err := os.ReadFile("testdata/profile")
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p.Lines(func(importPath string) string {
		dir, ok := strings.CutPrefix(importPath, "example.com/")
		if !ok {
			return ""
		}
		return filepath.Join("testdata", dir)
	})
}

// name is that of a file below testdata.
func name(f File) string {
	rel, err := filepath.Rel("testdata", f.Path)
	if f.Path == "" || err != nil {
		return f.Name
	}
	return rel
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", path, got)
	}
}

// counts are the hits of lines of each file, as a reader of a report sees them.
type counts map[string]map[int]int

func wanted(files []File) counts {
	all := make(counts)
	for _, f := range files {
		all[name(f)] = make(map[int]int)
		for _, l := range f.Lines {
			all[name(f)][l.Number] = l.Count
		}
	}
	return all
}

func (c counts) compare(t *testing.T, want counts) {
	t.Helper()
	if !maps.EqualFunc(c, want, maps.Equal[map[int]int]) {
		t.Errorf("a reader sees %v, want %v", c, want)
	}
}

func TestLCOV(t *testing.T) {
	all := files(t)
	var got bytes.Buffer
	if err := LCOV(&got, all, name); err != nil {
		t.Fatal(err)
	}
	golden(t, "lcov", got.Bytes())
	read, err := readLCOV(&got)
	if err != nil {
		t.Fatal(err)
	}
	read.compare(t, wanted(all))
}

// readLCOV reads a tracefile by what geninfo(1) of lcov says of its lines: a
// record for each file from SF to end_of_record, FN before FNDA of the same name,
// and sums that are right.
func readLCOV(r io.Reader) (counts, error) {
	all := make(counts)
	var lines map[int]int
	var functions map[string]int
	for s := bufio.NewScanner(r); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), ":")
		first, second, _ := strings.Cut(value, ",")
		number, numberErr := strconv.Atoi(first)
		hit := 0
		for _, n := range lines {
			hit += min(n, 1)
		}
		called := 0
		for _, n := range functions {
			called += min(n, 1)
		}
		bad := fmt.Errorf("line %q", s.Text())
		switch {
		case key == "TN":
		case key == "SF" && lines == nil && all[value] == nil:
			lines, functions = make(map[int]int), make(map[string]int)
			all[value] = lines
		case lines == nil:
			return nil, bad
		case key == "end_of_record":
			lines = nil
		case numberErr != nil:
			return nil, bad
		case key == "FN":
			if _, twice := functions[second]; twice || number < 1 {
				return nil, bad
			}
			functions[second] = -1
		case key == "FNDA":
			if functions[second] != -1 {
				return nil, bad
			}
			functions[second] = number
		case key == "DA":
			count, err := strconv.Atoi(second)
			if _, twice := lines[number]; twice || err != nil {
				return nil, bad
			}
			lines[number] = count
		case number != map[string]int{"FNF": len(functions), "FNH": called, "LF": len(lines), "LH": hit}[key]:
			return nil, bad
		}
	}
	if lines != nil {
		return nil, fmt.Errorf("no end_of_record")
	}
	return all, nil
}

func TestCobertura(t *testing.T) {
	all := files(t)
	var got bytes.Buffer
	if err := Cobertura(&got, all, "/src/m & n", name, time.UnixMilli(1700000000123)); err != nil {
		t.Fatal(err)
	}
	golden(t, "cobertura.xml", got.Bytes())
	read, err := readCobertura(got.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	read.compare(t, wanted(all))
	for _, bad := range []struct{ old, by string }{
		{"<sources>", "<packages></packages><sources>"}, {` timestamp="1700000000123"`, ""}, {`hits="1"`, `hits=""`},
		{"<methods>", "<functions>"}, {`line-rate="`, `line-rate="2`},
	} {
		text := strings.Replace(got.String(), bad.old, bad.by, 1)
		if _, err := readCobertura([]byte(strings.Replace(text, "</methods>", "</functions>", strings.Count(bad.by, "functions")))); err == nil {
			t.Errorf("%s: the reader takes it", bad.by)
		}
	}
}

// element is what coverage-04.dtd of Cobertura wants of one: its children in order,
// with * behind those that may come any number of times and ? behind one that may be
// missing, and its attributes.
type element struct{ children, required string }

var dtd = map[string]element{
	"coverage": {"sources? packages", "line-rate branch-rate lines-covered lines-valid branches-covered branches-valid complexity version timestamp"},
	"sources":  {"source*", ""},
	"source":   {"", ""},
	"packages": {"package*", ""},
	"package":  {"classes", "name line-rate branch-rate complexity"},
	"classes":  {"class*", ""},
	"class":    {"methods lines", "name filename line-rate branch-rate complexity"},
	"methods":  {"method*", ""},
	"method":   {"lines", "name signature line-rate branch-rate complexity"},
	"lines":    {"line*", ""},
	"line":     {"", "number hits"},
}

type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// check holds a node and those below it against the DTD.
func (n node) check() error {
	want, known := dtd[n.XMLName.Local]
	if !known {
		return fmt.Errorf("element %s", n.XMLName.Local)
	}
	var names []string
	for _, a := range n.Attrs {
		names = append(names, a.Name.Local)
		value, err := strconv.ParseFloat(a.Value, 64)
		if text := slices.Contains([]string{"name", "filename", "signature", "version"}, a.Name.Local); !text && err != nil ||
			strings.HasSuffix(a.Name.Local, "-rate") && (value < 0 || value > 1) {
			return fmt.Errorf("%s: %s=%q", n.XMLName.Local, a.Name.Local, a.Value)
		}
	}
	if strings.Join(names, " ") != want.required {
		return fmt.Errorf("%s: attributes %q", n.XMLName.Local, names)
	}
	rest := n.Nodes
	for _, child := range strings.Fields(want.children) {
		name := strings.TrimRight(child, "*?")
		n := 0
		for n < len(rest) && rest[n].XMLName.Local == name && (n == 0 || strings.HasSuffix(child, "*")) {
			if err := rest[n].check(); err != nil {
				return err
			}
			n++
		}
		if n == 0 && child == name {
			return fmt.Errorf("no %s", name)
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s in %s", rest[0].XMLName.Local, n.XMLName.Local)
	}
	return nil
}

// readCobertura reads a report as GitLab does (lib/gitlab/ci/parsers/coverage):
// of each class the filename and the lines below it.
func readCobertura(report []byte) (counts, error) {
	var n node
	if err := xml.Unmarshal(report, &n); err != nil {
		return nil, err
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	all := make(counts)
	for _, p := range n.Nodes[len(n.Nodes)-1].Nodes {
		for _, class := range p.Nodes[0].Nodes {
			file := make(map[int]int)
			for _, line := range class.Nodes[1].Nodes {
				number, _ := strconv.Atoi(line.attr("number"))
				file[number], _ = strconv.Atoi(line.attr("hits"))
			}
			all[class.attr("filename")] = file
		}
	}
	return all, nil
}

// TestOfChanged has lines 1 to 9 of a file: with c they are covered, with u not, with
// - they have no statement. Those in capitals and + changed.
func TestOfChanged(t *testing.T) {
	for _, tt := range []struct{ lines, count, ranges string }{
		{"UUUcu", "0 of 3", "1-3"},
		{"U+UcU", "0 of 3", "1-3, 5"},
		{"U-UcC", "1 of 3", "1, 3"},
		{"UuUUCU", "1 of 5", "1, 3-4, 6"},
		{"ccuu", "0 of 0", ""},
		{"CC+", "2 of 2", ""},
		{"+U+", "0 of 1", "2"},
	} {
		f := File{Path: "f"}
		for i, c := range strings.ToLower(tt.lines) {
			if c == 'c' || c == 'u' {
				f.Lines = append(f.Lines, Line{i + 1, map[rune]int{'c': 2}[c]})
			}
		}
		isChanged := func(path string, line int) bool {
			return path == "f" && strings.ContainsAny(tt.lines[line-1:line], "CU+")
		}
		got := OfChanged([]File{f, {Path: "g", Lines: []Line{{1, 1}}}}, isChanged)
		ranges := ""
		for _, f := range got.Files {
			ranges += f.Ranges()
		}
		if count := fmt.Sprintf("%d of %d", got.Lines.Covered, got.Lines.All); count != tt.count || ranges != tt.ranges {
			t.Errorf("%s: %s, %q; want %s, %q", tt.lines, count, ranges, tt.count, tt.ranges)
		}
	}
}
