// Package config finds and reads pgtest.toml: profiles, overrides, groups and setups, each
// setting of them with the place where it stands. What they mean is for others to
// know.
package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"pgtest/cmd/pgtest/internal/nearest"
)

// Name is what a file is called, at the root of a module or repository or in a
// directory .config there.
const Name = "pgtest.toml"

// DefaultProfile holds for all runs. Other profiles inherit from it.
const DefaultProfile = "default"

// A Kind is a type of values.
type Kind int

const (
	String Kind = iota
	Integer
	Bool
	Strings // an array of them
	Other   // dates, tables, and so on: no flag takes them
	Table   // a table in an override, of which each key follows as a setting with Sub
)

// A Setting is a key with its value.
type Setting struct {
	Key string
	// Sub is the key in the table that an override has for a value, or "".
	Sub  string
	Kind Kind
	// Values are the texts of the value, or of each in an array.
	Values []string
	// At and ValueAt are where key and value stand, and Places where each value of
	// an array does.
	At, ValueAt Position
	Places      []Position
}

// A Position is a place in a file. Lines and columns count from 1, columns in
// bytes.
type Position struct {
	Path         string
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Column) }

// Errorf returns an error about the place.
func (p Position) Errorf(format string, args ...any) error {
	return fmt.Errorf("%v: %w", p, fmt.Errorf(format, args...))
}

// A Profile is a table of settings.
type Profile struct {
	Name      string
	At        Position
	Settings  []Setting
	inherits  Setting
	overrides overrides
}

// A File is a file that was read.
type File struct {
	// Path is the file's, as short as it can be in messages.
	Path string
	// Dir is the directory that paths in the file start from: that of the file,
	// or the one above .config.
	Dir       string
	profiles  []*Profile
	overrides overrides           // for all profiles
	named     map[string][]*Named // by the table that they stand in
}

// Find returns the path of the file for a working directory, "" if there is none:
// in the root of the module around it, or else of the repository.
func Find(dir string) (string, error) {
	module, repository := "", ""
	for at := dir; repository == ""; at = filepath.Dir(at) {
		hasModule, err := exists(at, "go.mod")
		hasRepository, err2 := exists(at, ".git")
		if err := cmp.Or(err, err2); err != nil {
			return "", err
		}
		if module == "" && hasModule {
			module = at
		}
		if hasRepository {
			repository = at
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	for _, root := range []string{module, repository} {
		if root == "" {
			continue
		}
		plain, hidden := filepath.Join(root, Name), filepath.Join(root, ".config", Name)
		hasPlain, err := exists(plain)
		hasHidden, err2 := exists(hidden)
		switch err := cmp.Or(err, err2); {
		case err != nil:
			return "", err
		case hasPlain && hasHidden:
			return "", fmt.Errorf("%s and %s: only one of them may be there", Shorten(plain), Shorten(hidden))
		case hasPlain:
			return plain, nil
		case hasHidden:
			return hidden, nil
		}
	}
	return "", nil
}

// exists reports whether a file is there. It is an error if nobody can tell, as in a
// directory that can't be searched.
func exists(elements ...string) (bool, error) {
	path := filepath.Join(elements...)
	switch _, err := os.Stat(path); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // .config may be a file of something else
		return false, nil
	default:
		return false, fmt.Errorf("%s: %w", Shorten(path), errors.Unwrap(err))
	}
}

// Shorten makes a path one line, and relative to the working directory if it is
// below that.
func Shorten(path string) string {
	if strings.ContainsFunc(path, unicode.IsControl) {
		return strconv.Quote(path)
	}
	if dir, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(relative) {
			return relative
		}
	}
	return path
}

// maxSize is more than anybody writes.
const maxSize = 1 << 20

// Read reads a file. Errors name it, and where possible the line and the column.
func Read(path string) (*File, error) {
	f := &File{Path: Shorten(path)}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f.Dir = filepath.Dir(absolute)
	if filepath.Base(f.Dir) == ".config" {
		f.Dir = filepath.Dir(f.Dir)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.Path, errors.Unwrap(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is no regular file", f.Path)
	case info.Size() > maxSize:
		return nil, fmt.Errorf("%s: is larger than 1 MiB", f.Path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, errors.Unwrap(err))
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // some editors begin a file with it
	if err := f.parse(data); err != nil {
		return nil, err
	}
	return f, f.check()
}

// parse has the library judge the whole file, and then takes the expressions one
// by one, for their places.
func (f *File) parse(data []byte) error {
	var whole any
	if err := toml.Unmarshal(data, &whole); err != nil {
		var bad *toml.DecodeError
		if !errors.As(err, &bad) {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		line, column := bad.Position()
		text := strings.TrimPrefix(bad.Error(), "toml: ")
		return Position{f.Path, line, column}.Errorf("%s", text)
	}
	p := parser{file: f}
	p.Reset(data)
	for p.NextExpression() {
		if err := p.expression(p.Expression()); err != nil {
			return err
		}
	}
	return p.Error()
}

// Check returns the error that Read would return for a file with other contents.
func Check(path string, data []byte) error {
	f := &File{Path: path}
	if err := f.parse(data); err != nil {
		return err
	}
	return f.check()
}

type parser struct {
	unstable.Parser
	file  *File
	table []key // that the expressions are in
}

type key struct {
	name string
	at   Position
}

// keys returns the parts of a key.
func (p *parser) keys(n *unstable.Node) []key {
	var keys []key
	for it := n.Key(); it.Next(); {
		keys = append(keys, key{string(it.Node().Data), p.at(it.Node(), Position{p.file.Path, 1, 1})})
	}
	return keys
}

// at is where a node stands, otherwise if it does not say.
func (p *parser) at(n *unstable.Node, otherwise Position) Position {
	if n.Raw.Length == 0 {
		return otherwise
	}
	start := p.Shape(n.Raw).Start
	return Position{p.file.Path, start.Line, start.Column}
}

func (p *parser) expression(n *unstable.Node) error {
	switch n.Kind {
	case unstable.ArrayTable:
		p.table = p.keys(n)
		return p.file.addOverride(p.table)
	case unstable.Table:
		p.table = p.keys(n)
		if list, rest := p.file.overridesOf(p.table); list != nil {
			return list.table(rest, p.table)
		}
		return p.file.declare(p.table)
	case unstable.KeyValue:
		return p.setting(slices.Concat(p.table, p.keys(n)), n.Value())
	}
	return nil
}

// declare takes the keys of a table that is for settings, which may have none.
func (f *File) declare(table []key) error {
	var err error
	switch {
	case len(table) == 1 && slices.Contains(tables[:3], table[0].name): // of tables
	case isNamed(table[0]):
		_, err = f.namedTable(table)
	default:
		_, err = f.profile(table)
	}
	return err
}

// setting adds what a key has for a value: one setting, or for an inline table all
// that it has.
func (p *parser) setting(keys []key, value *unstable.Node) error {
	if list, rest := p.file.overridesOf(keys); list != nil {
		return p.override(list, rest, keys, value)
	}
	if value.Kind == unstable.InlineTable && len(keys) < 3 {
		if err := p.file.declare(keys); err != nil {
			return err
		}
		return p.entries(value, func(sub []key, value *unstable.Node) error {
			return p.setting(slices.Concat(keys, sub), value)
		})
	}
	if len(keys) < 3 {
		return unknown(keys)
	}
	s := p.newSetting(keys[2:], value)
	if isNamed(keys[0]) {
		t, err := p.file.namedTable(keys[:2])
		if err == nil {
			t.Settings = append(t.Settings, s)
		}
		return err
	}
	profile, err := p.file.profile(keys[:2])
	if err != nil {
		return err
	}
	if s.Key == "inherits" {
		profile.inherits = s
		return nil
	}
	profile.Settings = append(profile.Settings, s)
	return nil
}

// entries calls add with each entry of an inline table.
func (p *parser) entries(table *unstable.Node, add func([]key, *unstable.Node) error) error {
	for it := table.Children(); it.Next(); {
		entry := it.Node()
		if err := add(p.keys(entry), entry.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) newSetting(keys []key, value *unstable.Node) Setting {
	s := Setting{Key: join(keys), At: keys[0].at, ValueAt: p.at(value, keys[len(keys)-1].at)}
	s.Kind, s.Values = valueOf(value)
	if s.Kind == Strings {
		for it := value.Children(); it.Next(); {
			s.Places = append(s.Places, p.at(it.Node(), s.ValueAt))
		}
	}
	return s
}

func valueOf(n *unstable.Node) (Kind, []string) {
	switch n.Kind {
	case unstable.String:
		return String, []string{string(n.Data)}
	case unstable.Integer:
		i, err := strconv.ParseInt(string(n.Data), 0, 64)
		if err != nil {
			return Other, nil
		}
		return Integer, []string{strconv.FormatInt(i, 10)}
	case unstable.Bool:
		return Bool, []string{string(n.Data)}
	case unstable.Array:
		values := []string{}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.String {
				return Other, nil
			}
			values = append(values, string(it.Node().Data))
		}
		return Strings, values
	}
	return Other, nil
}

func join(keys []key) string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return strings.Join(names, ".")
}

// shown are keys as a file could have them, on one line.
func shown(keys []key) string {
	var names []string
	for _, k := range keys {
		names = append(names, bare(k.name))
	}
	return strings.Join(names, ".")
}

// bare is a name without quotes if it needs none.
func bare(name string) string {
	if name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return name
	}
	return strconv.Quote(name)
}

// profile returns the profile of a table, which may be new.
func (f *File) profile(table []key) (*Profile, error) {
	if len(table) != 2 || table[0].name != profiles {
		return nil, unknown(table)
	}
	if p := f.profileNamed(table[1].name); p != nil {
		return p, nil
	}
	p := &Profile{Name: table[1].name, At: table[1].at}
	f.profiles = append(f.profiles, p)
	return p, nil
}

// The tables that everything stands in.
const (
	profiles = "profile"
	groups   = "group"
	setups   = "setup"
	override = "override"
)

var tables = []string{profiles, groups, setups, override}

// unknown is the error for a key that is no setting of a profile, a group or a setup.
func unknown(keys []key) error {
	k := keys[0]
	near := nearest.Of(k.name, tables)
	switch {
	case slices.Contains(tables[:3], k.name) && len(keys) > 2:
		return keys[2].at.Errorf("unknown table %q", join(keys))
	case slices.Contains(tables[:3], k.name):
		return keys[len(keys)-1].at.Errorf("%s: must be a table of settings", shown(keys))
	case near != "":
		return k.at.Errorf("unknown key %q; did you mean %q?", k.name, near)
	}
	return k.at.Errorf("unknown key %q: settings stand in [profile.%s] or another profile", join(keys), DefaultProfile)
}

func (f *File) profileNamed(name string) *Profile {
	for _, p := range f.profiles {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Profiles returns the profiles in the order of the file.
func (f *File) Profiles() []*Profile { return f.profiles }

// check says whether all that is inherited from is there.
func (f *File) check() error {
	for _, p := range f.profiles {
		if _, err := f.chain(p); err != nil {
			return err
		}
	}
	return nil
}

// chain returns a profile behind all that it inherits from.
func (f *File) chain(p *Profile) ([]*Profile, error) {
	var chain []*Profile
	for {
		chain = append(chain, p)
		s := p.inherits
		switch {
		case s.Key == "" && p.Name == DefaultProfile:
			slices.Reverse(chain)
			return chain, nil
		case s.Key == "":
			s.Values = []string{DefaultProfile}
		case s.Kind != String:
			return nil, s.ValueAt.Errorf("inherits: must be the name of a profile")
		case p.Name == DefaultProfile:
			return nil, s.At.Errorf("inherits: profile %s inherits from none", DefaultProfile)
		}
		next := f.profileNamed(s.Values[0])
		if next == nil && s.Values[0] == DefaultProfile {
			next = &Profile{Name: DefaultProfile}
		}
		if next == nil {
			return nil, s.ValueAt.Errorf("inherits: %w", f.missing(s.Values[0], ""))
		}
		if slices.Contains(chain, next) {
			return nil, s.ValueAt.Errorf("inherits: profile %s inherits from itself", bare(next.Name))
		}
		p = next
	}
}

// missing is the error for a profile that isn't there.
func (f *File) missing(name, where string) error {
	var names []string
	for _, p := range f.profiles {
		names = append(names, p.Name)
	}
	if near := nearest.Of(name, names); near != "" {
		return fmt.Errorf("no profile %q%s; did you mean %q?", name, where, near)
	}
	return fmt.Errorf("no profile %q%s", name, where)
}

// Settings returns those of a profile, behind those of the profiles that it
// inherits from, which it overrides.
func (f *File) Settings(profile string) ([]Setting, error) {
	p := f.profileNamed(profile)
	if p == nil && profile == DefaultProfile {
		return nil, nil
	}
	if p == nil {
		return nil, f.missing(profile, " in "+f.Path)
	}
	chain, err := f.chain(p)
	var settings []Setting
	for _, p := range chain {
		settings = append(settings, p.Settings...)
	}
	return settings, err
}

// All returns the settings of all profiles.
func (f *File) All() []Setting {
	var settings []Setting
	for _, p := range f.profiles {
		settings = append(settings, p.Settings...)
	}
	return settings
}
