package flags

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"pgtest/cmd/pgtest/internal/config"
)

// A setting is one of a file, for a flag.
type setting struct {
	config.Setting
	dir    string // that paths start from
	shared bool   // of the user's file, for all projects
}

// origins are where the values of flags come from, by name. Others have their
// defaults.
type origins map[string]origin

type origin struct {
	where, value string
	level        level
}

// A level is who says a value. The higher holds.
type level int

const (
	aFile level = iota + 1
	theEnvironment
	theLine // of the command
)

// off is the value of --config that reads no file.
const off = "off"

// fromFiles is what files say.
type fromFiles struct {
	settings []setting
	unread   []string // names of flags whose variables are as good as empty
	overridden
	path string // the project's file, "" for none
}

// readSettings returns what files say of a profile, in the order in which it
// holds: the user's, then that of the project. Of other profiles it is judged.
func (c *CommandLine) readSettings() (fromFiles, error) {
	none := fromFiles{}
	path, profile := c.Config, c.Profile
	if path == off {
		if profile != "" {
			return none, fmt.Errorf("%s: not with %s=off", c.from["profile"].where, c.from["config"].where)
		}
		return none, nil
	}
	settings, err := userSettings()
	if err != nil {
		return none, err
	}
	if path == "" {
		dir, err := os.Getwd()
		if err != nil {
			return none, fmt.Errorf("working directory: %w", err)
		}
		if path, err = config.Find(dir); err != nil {
			return none, err
		}
	}
	if path == "" {
		if profile != "" && profile != config.DefaultProfile {
			return none, fmt.Errorf("%s: no profile %q: there is no %s", c.from["profile"].where, profile, config.Name)
		}
		return fromFiles{settings: settings}, nil
	}
	file, err := config.Read(path)
	if err != nil && c.Config != "" {
		err = fmt.Errorf("%s: %w", c.from["config"].where, err)
	}
	if err != nil {
		return none, err
	}
	if err := judge(file, false); err != nil {
		return none, err
	}
	if profile == "" {
		profile = config.DefaultProfile
	}
	chosen, err := file.Settings(profile)
	if err != nil {
		return none, fmt.Errorf("%s: %w", c.from["profile"].where, err)
	}
	modules, err := modulesAround(file.Dir)
	if err != nil {
		return none, err
	}
	modules.absent = c.Archive != ""
	overridden, err := overridesOf(file, profile, modules)
	return fromFiles{settings: append(settings, inDir(chosen, file.Dir, false)...), overridden: overridden, path: path}, err
}

// userSettings are those of the user's own file.
func userSettings() ([]setting, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, nil // without a home there is no file
	}
	path := filepath.Join(dir, "pgtest", config.Name)
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	file, err := config.Read(path)
	if err != nil {
		return nil, err
	}
	if err := judge(file, true); err != nil {
		return nil, err
	}
	for _, p := range file.Profiles() {
		if p.Name != config.DefaultProfile {
			return nil, p.At.Errorf("profile %q: for all projects there is %s alone", p.Name, config.DefaultProfile)
		}
	}
	for _, o := range file.AllOverrides() {
		return nil, o.At.Errorf("override: only how things are shown can be set for all projects")
	}
	for _, g := range file.Groups() {
		return nil, g.At.Errorf("group: only how things are shown can be set for all projects")
	}
	for _, t := range file.Setups() {
		return nil, t.At.Errorf("setup: only how things are shown can be set for all projects")
	}
	chosen, err := file.Settings(config.DefaultProfile)
	return inDir(chosen, file.Dir, true), err
}

func inDir(settings []config.Setting, dir string, shared bool) []setting {
	var all []setting
	for _, s := range settings {
		all = append(all, setting{s, dir, shared})
	}
	return all
}

// judge returns the first error of a file.
func judge(file *config.File, shared bool) error {
	ours := newSet(new(Options))
	for _, s := range inDir(file.All(), file.Dir, shared) {
		if err := s.apply(ours, make(origins)); err != nil {
			return err
		}
	}
	return nil
}

// apply sets the flag.
func (s setting) apply(ours set, from origins) error {
	r := ours.lookup(s.Key)
	switch {
	case r == nil:
		if near := ours.nearest(strings.ReplaceAll(s.Key, "_", "-")); near != "" {
			return s.At.Errorf("unknown key %q; did you mean %q?", s.Key, near)
		}
		return s.At.Errorf("unknown key %q: keys are the names of pgtest's flags", s.Key)
	case !r.configurable():
		return s.At.Errorf("%s: --%[1]s is for the command line alone", s.Key)
	case s.shared && !r.shown:
		return s.At.Errorf("%s: only how things are shown can be set for all projects", s.Key)
	}
	if kinds := r.kinds(); !slices.Contains(kinds, s.Kind) {
		return s.ValueAt.Errorf("%s: must be %s", s.Key, kindsOf(kinds))
	}
	value := s.Values[0]
	if s.Kind == config.Strings {
		value = strings.Join(s.Values, r.list.separator)
	}
	if (r.output || r.Takes == "file") && value != "" && !filepath.IsAbs(value) {
		value = filepath.Join(s.dir, value)
	}
	if err := r.set(value); err != nil {
		return s.ValueAt.Errorf("%s: %w", s.Key, err)
	}
	from[r.Name] = origin{s.At.String(), value, aFile}
	return nil
}

// configurable says that files can set the flag.
func (r Row) configurable() bool {
	return r.Variable() != "" && r.Name != "config" && r.Name != "profile"
}

var kindNames = map[config.Kind]string{
	config.String: "a string", config.Integer: "a whole number", config.Bool: "true or false", config.Strings: "an array of strings",
	config.Table: "a table",
}

func kindsOf(kinds []config.Kind) string {
	var names []string
	for _, k := range kinds {
		names = append(names, kindNames[k])
	}
	return strings.Join(names, " or ")
}

// kinds are the types of values that a flag has in a file.
func (r Row) kinds() []config.Kind {
	switch {
	case r.list != nil:
		return []config.Kind{config.String, config.Strings}
	case r.boolean && r.Takes == "":
		return []config.Kind{config.Bool}
	case r.Takes == "n":
		return []config.Kind{config.Integer}
	case r.boolean:
		return []config.Kind{config.Bool, config.Integer, config.String}
	case strings.HasPrefix(r.Takes, "n["), r.Takes == "size":
		return []config.Kind{config.Integer, config.String}
	}
	return []config.Kind{config.String}
}

// Fit returns the command line without those settings of files and variables which
// check says can't be together with what stands above them: the environment above
// files, the words of the command line above both. What is wrong among settings of
// one level is an error.
func (c *CommandLine) Fit(check func(*CommandLine) error) (*CommandLine, error) {
	for {
		err := check(c)
		var conflict *Conflict
		if !errors.As(err, &conflict) {
			return c, err
		}
		drop, _, _ := strings.Cut(conflict.Flag, "=")
		flag, with := c.from[drop], c.from[conflict.with()]
		if with.level == 0 { // no flag of ours, so words
			with.level = theLine
		}
		switch {
		case flag.level > with.level:
			drop, flag = conflict.with(), with
		case flag.level < with.level:
		case flag.level == theLine:
			return c, err
		default:
			return c, fmt.Errorf("%s: %w", flag.where, err)
		}
		rest := c.files
		if flag.level == aFile {
			rest.settings = slices.DeleteFunc(slices.Clone(rest.settings), func(s setting) bool { return s.Key == drop })
		} else {
			rest.unread = append(slices.Clone(rest.unread), drop)
		}
		next, err := parse(c.args, c.Gotestsum, rest)
		if err != nil {
			return next, err
		}
		next.Input, next.Merge = c.Input, c.Merge
		c = next
	}
}

// A Conflict is the error for a flag that can't be together with something else, or
// without another flag.
type Conflict struct {
	Flag string // its name, or name=value
	With string // what that is as it is typed, and why
	Lack string // the other flag's name, where there is no With
}

func (c *Conflict) Error() string {
	if c.Lack != "" {
		return fmt.Sprintf("--%s: needs --%s", c.Flag, c.Lack)
	}
	return fmt.Sprintf("--%s: not with %s", c.Flag, c.With)
}

// with is the name of the other flag, if it is one of pgtest's.
func (c *Conflict) with() string {
	word, isFlag := strings.CutPrefix(c.With, "--")
	if !isFlag {
		return ""
	}
	end := strings.IndexFunc(word, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') })
	if end < 0 {
		return word
	}
	return word[:end]
}

// PrintSettings prints the value of each flag that a file can set, and where it
// comes from.
func (c *CommandLine) PrintSettings(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range newSet(new(Options)).rows {
		if !r.configurable() {
			continue
		}
		o, set := c.from[r.Name]
		if !set {
			o = origin{where: "default", value: r.Default}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Name, oneLine(o.value), o.where)
	}
	return table.Flush()
}

// oneLine is a text for a cell of a table.
func oneLine(v string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, v)
}
