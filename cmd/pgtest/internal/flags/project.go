package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"pgtest/cmd/pgtest/internal/config"
	"pgtest/harness/gotest/sources"
	"pgtest/harness/outfile"
	"pgtest/harness/override"
)

// A Project is a pgtest.toml to which overrides are added.
type Project struct {
	Path    string // as users name it
	file    string
	data    []byte // of the file, nil for a new one
	added   strings.Builder
	rules   override.Rules // of all profiles
	modules modules
}

// OpenProject reads the project's file, that of the environment if this names one.
// Without a file there is to be one in the root of the module.
func OpenProject() (*Project, error) {
	c, err := Parse(nil, false)
	if err != nil {
		return nil, err
	}
	path := c.files.path
	if path == "" {
		root, _ := sources.ModuleOf(".")
		if root == "" || c.Config == off {
			return nil, fmt.Errorf("there is no %s, and no module in whose root it could be", config.Name)
		}
		path = filepath.Join(root, config.Name)
	}
	p := &Project{Path: config.Shorten(path), file: path, rules: c.files.all}
	if p.data, err = os.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", p.Path, errors.Unwrap(err))
	}
	p.modules, err = modulesAround(filepath.Dir(path))
	return p, err
}

// Quarantine returns the quarantine of a test in any profile, and where it stands, ""
// if there is none. It is an error if no override can be for the package.
func (p *Project) Quarantine(pkg, test string) (string, error) {
	if q := p.rules.Test(pkg, test).Quarantine; q.Set() {
		return fmt.Sprintf("%v (%s)", q.Is, q.Where), nil
	}
	_, err := p.modules.resolve(pkg)
	return "", err
}

// AddQuarantine adds an override.
func (p *Project) AddQuarantine(pkg, test, quarantine string) {
	fmt.Fprintf(&p.added, "\n[[%s]]\n%s = %s\n%s = %s\nquarantine = %s\n", "override",
		packagesKey, quoted(pkg), testsKey, quoted(override.Only(test)), quoted(quarantine))
}

// Write adds to the file what there is to add, and changes nothing else in it. After
// an error it is as it was.
func (p *Project) Write() error {
	text := p.added.String()
	switch {
	case text == "":
		return nil
	case len(p.data) == 0:
		text = strings.TrimPrefix(text, "\n")
	case p.data[len(p.data)-1] != '\n':
		text = "\n" + text
	}
	if err := config.Check(p.Path, append(p.data[:len(p.data):len(p.data)], text...)); err != nil {
		return fmt.Errorf("nothing is added, because with [[override]] at its end: %w", err)
	}
	var err error
	if p.data == nil {
		err = create(p.file, text)
	} else {
		_, err = outfile.NewAppended(p.file).Write([]byte(text))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, errors.Unwrap(err))
	}
	return nil
}

// create writes a new file.
func create(path, text string) error {
	f, err := outfile.CreateWhole(path)
	if err != nil {
		return err
	}
	io.WriteString(f, text) // Commit returns its error
	return f.Commit()
}

// quoted is a string as TOML writes it.
func quoted(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == '\'' || unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return "'" + s + "'"
	}
	text, _ := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.ReplaceAll(string(text), "\x7f", `\u007f`)
}
