package sources

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Package is one that go list knows.
type Package struct {
	ImportPath, Dir           string
	TestGoFiles, XTestGoFiles []string
}

// Names returns what NamesOf returns for the test files of the package.
func (p Package) Names(kinds ...Kind) (names []string, whole bool) {
	return NamesOf(p.Dir, append(p.TestGoFiles[:len(p.TestGoFiles):len(p.TestGoFiles)], p.XTestGoFiles...), kinds...)
}

// A Query is a go list.
type Query struct {
	Go    string   // the path of the go command, or its name
	Dir   string   // where it runs; "" is the present directory
	Env   []string // nil is the process' own
	Words []string // flags and packages, as gotest.Line.ListWords returns them
	// Stderr gets what go list says there; nil drops it.
	Stderr io.Writer
}

// List returns the packages, with those in which go list finds errors.
func List(ctx context.Context, q Query) ([]Package, error) {
	cmd := exec.CommandContext(ctx, q.Go, append([]string{"list", "-e", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles"}, q.Words...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = q.Dir, q.Env, q.Stderr
	out, err := cmd.Output()
	var packages []Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if dec.Decode(&p) != nil {
			return packages, err
		}
		packages = append(packages, p)
	}
}

// ModuleOf returns the directory and the path of the module that a directory is in,
// or nothing.
func ModuleOf(dir string) (root, path string) {
	root, err := filepath.Abs(dir)
	for ; err == nil; root = filepath.Dir(root) {
		file, err := os.Open(filepath.Join(root, "go.mod"))
		if err == nil {
			defer file.Close()
			for lines := bufio.NewScanner(file); lines.Scan(); {
				if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "module" {
					return root, strings.Trim(words[1], "\"`")
				}
			}
			return "", ""
		}
		if root == filepath.Dir(root) {
			break
		}
	}
	return "", ""
}
