package timing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gotest.tools/gotestsum/testjson"

	"pgtest/harness/gotest"
	"pgtest/harness/outfile"
)

// shortSkip is the statement that testing.Short stands for. T stands for the
// test's parameter.
const shortSkip = "if testing.Short() {\nT.Skip(\"too slow for testing.Short\")\n}\n"

// addSkips makes a statement the first of each test in its source. Subtests stand
// for the test that they belong to.
func addSkips(tests []testjson.TestCase, statement string, log io.Writer) error {
	if statement == "default" || statement == "testing.Short" {
		statement = shortSkip
	} else if err := checkStatement(statement); err != nil {
		return err
	}
	wanted := make(map[string]map[string]bool) // names of tests by package
	var packages []string
	for _, t := range tests {
		root, _ := t.Test.Split()
		if wanted[t.Package] == nil {
			wanted[t.Package] = make(map[string]bool)
			packages = append(packages, t.Package)
		}
		wanted[t.Package][root] = true
	}
	if len(packages) == 0 {
		return nil
	}
	sources, err := listSources(packages)
	if err != nil {
		return err
	}
	var rewritten []func() error
	for _, p := range sources {
		if p.Error != nil {
			return fmt.Errorf("%s: %s", p.ImportPath, strings.ReplaceAll(p.Error.Err, "\n", " "))
		}
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			path := filepath.Join(p.Dir, name)
			fmt.Fprintf(log, "looking for tests in %s\n", path)
			text, err := skipIn(path, wanted[p.ImportPath], statement)
			if err != nil {
				return err
			}
			if text != nil {
				rewritten = append(rewritten, func() error { return replace(path, text) })
			}
		}
	}
	var missed []string
	for _, p := range packages {
		for name := range wanted[p] {
			missed = append(missed, p+"."+name)
		}
	}
	for _, write := range rewritten {
		if err := write(); err != nil {
			return err
		}
	}
	if len(missed) > 0 {
		slices.Sort(missed)
		return fmt.Errorf("--skip-stmt: no source of a test that can be skipped: %s", strings.Join(missed, ", "))
	}
	return nil
}

func checkStatement(statement string) error {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+statement+"\n}\n", 0)
	if err == nil && len(file.Decls) == 1 && len(file.Decls[0].(*ast.FuncDecl).Body.List) > 0 {
		return nil
	}
	return fmt.Errorf("--skip-stmt %q: not a Go statement", statement)
}

// source is what go list says of a package.
type source struct {
	ImportPath, Dir           string
	TestGoFiles, XTestGoFiles []string
	Error                     *struct{ Err string }
}

func listSources(packages []string) ([]source, error) {
	out, _, err := gotest.Ask("", append([]string{"list", "-e", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles,Error", "--"}, packages...)...)
	if err != nil {
		return nil, err
	}
	var all []source
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p source
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		all = append(all, p)
	}
}

// skipIn returns the text of a file with the statement in the tests with one of
// the names, which it removes from these, or nil if there are none. What has no
// parameter to call Skip of, such as an example, stays as it is.
func skipIn(path string, names map[string]bool, statement string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(line)
	}
	found := false
	for _, decl := range slices.Backward(file.Decls) {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Body == nil || !names[f.Name.Name] {
			continue
		}
		t := parameter(f)
		if t == "" {
			continue
		}
		own := statement
		if statement == shortSkip {
			own = strings.Replace(statement, "T.", t+".", 1)
		}
		found = true
		delete(names, f.Name.Name)
		text = slices.Insert(text, set.Position(f.Body.Lbrace).Offset+1, []byte("\n"+own+"\n")...)
	}
	if !found {
		return nil, nil
	}
	return format.Source(text)
}

// parameter returns the name of a test's parameter, "" if it has none.
func parameter(f *ast.FuncDecl) string {
	list := f.Type.Params.List
	if len(list) != 1 || len(list[0].Names) != 1 || list[0].Names[0].Name == "_" {
		return ""
	}
	return list[0].Names[0].Name
}

func replace(path string, text []byte) error {
	f, err := outfile.CreateWhole(path)
	if err != nil {
		return err
	}
	f.Write(text)
	return f.Commit()
}
