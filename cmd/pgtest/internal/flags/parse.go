package flags

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"pgtest/harness"
	"pgtest/harness/archive"
	"pgtest/harness/coverage"
	"pgtest/harness/gotest"
	"pgtest/harness/override"
)

// A CommandLine is pgtest's command line, taken apart.
type CommandLine struct {
	Options
	// Line is what go test gets, and Settings are what it and GOFLAGS set. They
	// mean nothing to what --raw-command runs, and are empty then. Nor do
	// Settings to events from input.
	Line     gotest.Line
	Settings gotest.Settings
	// Command is what --raw-command runs.
	Command []string
	// Gotestsum says that the command was called by the name gotestsum, and is to
	// do as that does.
	Gotestsum bool
	// Input, unless nil, is read in place of standard input.
	Input Input
	// Merge, unless nil, is what else there is of several runs, whose events are
	// Input.
	Merge *Merge
	// Archived is what Archive holds, which the caller reads; nil without one.
	Archived *archive.Header
	// Overrides are what pgtest.toml says of packages and tests, where neither a
	// word nor the environment says it for all. Groups are those that it names.
	Overrides override.Rules
	Groups    []override.Group
	// Setups run before the packages that they are for.
	Setups []harness.Setup
	// Dir is where go test runs, "" for the present directory.
	Dir string
	// Reached are for --changed the import paths of what runs, nil for what the line
	// names.
	Reached []string
	// Parts and Dropped are for --failed, which finds them out: what runs of the
	// packages, nil for everything, and the tests that are no more.
	Parts   map[string]harness.Part
	Dropped map[string][]string

	ours  []string // flags for our set, each one word: --name or --name=value
	chdir chdir
	args  []string // the whole
	// files is what files say, and from where values come from.
	files fromFiles
	from  origins
	// meant are words that pgtest leaves to the test binary, though they look
	// like flags of its own.
	meant []meant
}

// Input is where events come from.
type Input interface {
	io.Reader
	Name() string // for the user
}

// Merge is what several runs of shards are together, besides their events.
type Merge struct {
	Profile coverage.Profile // zero without one
	Status  int              // the highest of the shards
	Commit  string           // of all shards, "" if it is unknown
}

// chdir is -C in front of all other words of go test.
type chdir struct {
	dir string
	// at is where it stands on pgtest's command line, in so many words.
	at, words int
}

// Parse reads the words behind pgtest: files of settings first, the environment
// above them, and the command line above all. With gotestsum the words are read as
// gotestsum reads them. A -C in front names another directory, whose files are not
// read.
func Parse(args []string, gotestsum bool) (*CommandLine, error) {
	c, err := parse(args, gotestsum, fromFiles{})
	if c.Help || c.Version || c.chdir.words > 0 {
		return c, err
	}
	files, unread := c.readSettings()
	switch {
	case err != nil && len(files.settings) == 0:
		return c, err
	case unread != nil:
		return c, unread
	}
	return parse(args, gotestsum, files)
}

func parse(args []string, gotestsum bool, files fromFiles) (*CommandLine, error) {
	c := &CommandLine{Gotestsum: gotestsum, args: args, files: files, from: make(origins)}
	ours := newSet(&c.Options)
	for _, s := range files.settings {
		if err := s.apply(ours, c.from); err != nil {
			return c, err
		}
	}
	if err := ours.fromEnvironment(c.from, files.unread); err != nil {
		return c, err
	}
	if err := c.split(args, gotest.FromGOFLAGS(), ours); err != nil {
		return c, err
	}
	for _, word := range c.ours {
		f := gotest.CutFlag(word)
		if !f.HasValue {
			f.Value = "true"
		}
		r := ours.lookup(f.Name)
		if r.list != nil {
			f.Value = r.list.add(f.Value)
		}
		if err := r.set(f.Value); err != nil {
			return c, fmt.Errorf("--%s: %w", f.Name, err)
		}
		c.from[f.Name] = origin{"--" + f.Name, f.Value, theLine}
	}
	c.addPackages()
	c.Overrides, c.Groups, c.Setups = files.below(c.from), files.groups, files.setups
	return c, nil
}

// ParseReport reads the words behind pgtest tool report, or another tool that
// shows event files, as a command line that reads standard input. It returns the
// paths of the files, none for standard input itself. most is how many there may
// be, and usage what is wrong otherwise.
func ParseReport(tool string, args []string, most int, usage string) (c *CommandLine, paths []string, err error) {
	if c, err = Parse(args, false); err != nil {
		return c, nil, err
	}
	words := c.Line.Words()
	if c.RawCommand || len(words) > most {
		return c, nil, errors.New(usage)
	}
	for _, word := range words {
		switch {
		case word == "-" && len(words) == 1:
		case strings.HasPrefix(word, "-"):
			return c, nil, fmt.Errorf("tool %s: %s is no flag of pgtest", tool, word)
		default:
			paths = append(paths, word)
		}
	}
	c, err = Parse(append(slices.Clone(c.ours), "-"), false)
	c.Overrides, c.files.overridden = nil, overridden{} // they are about runs
	return c, paths, err
}

// addPackages adds the packages that stand elsewhere to the line of go test. As
// gotestsum does, it adds them to those that the line names, and TEST_DIRECTORY
// as well when called by that name.
func (c *CommandLine) addPackages() {
	if c.RawCommand || c.ReadsInput() {
		return
	}
	named, more := c.Line.Packages(), c.Packages
	if dir := os.Getenv("TEST_DIRECTORY"); dir != "" && len(more) == 0 && (c.Gotestsum || len(named) == 0) {
		more = []string{dir}
	}
	if c.Gotestsum && len(c.Line.Parts()) == 0 && len(more) == 0 {
		more = []string{"./..."}
	}
	if len(more) > 0 {
		all := slices.Concat(named, more)
		c.Line = c.Line.WithPackages(all[0], all[1:]...)
	}
}

// OwnWords are the flags of pgtest on the line, each one word.
func (c *CommandLine) OwnWords() []string { return c.ours }

// NamesNothing says that only flags of pgtest are on the line, so that the package
// in the working directory is all that is tested, where gotestsum would test all.
func (c *CommandLine) NamesNothing() bool {
	return len(c.ours) > 0 && len(c.Line.Parts()) == 0 && c.Source() == ""
}

// RunsNothing says that --changed leaves no package.
func (c *CommandLine) RunsNothing() bool { return c.Reached != nil && len(c.Reached) == 0 }

// ReadsInput says whether the events come from standard input.
func (c *CommandLine) ReadsInput() bool {
	words := c.Line.Words()
	return len(words) == 1 && words[0] == "-"
}

// Source names where the events come from, "" for go test.
func (c *CommandLine) Source() string {
	switch {
	case c.ReadsInput() && c.Input != nil:
		return c.Input.Name()
	case c.ReadsInput():
		return os.Stdin.Name()
	case len(c.Command) > 0:
		return c.Command[0]
	}
	return ""
}

// ChangesDir returns the directory of a -C in front, and the command line
// without it, which Parse was given as args.
func (c *CommandLine) ChangesDir(args []string) (dir string, rest []string, ok bool) {
	after := args[c.chdir.at+c.chdir.words:]
	return c.chdir.dir, append(args[:c.chdir.at:c.chdir.at], after...), c.chdir.words > 0
}

// splitter is a command line that is being taken apart.
type splitter struct {
	*CommandLine
	flags  set      // pgtest's
	args   []string // what is left of it
	length int      // of the whole
	// raw says that the words from the next one on that is not ours are those
	// of a command, without go test.
	raw bool
	// ended says that no more flags of pgtest can come.
	ended bool
}

// A missingValue is the name of a flag of pgtest that has no value.
type missingValue string

func (name missingValue) Error() string { return fmt.Sprintf("--%s: a value is missing", string(name)) }

// split takes a command line apart: two dashes are pgtest's, one dash is go
// test's and the test binary's. A test binary may have a flag of any name, so
// a word with one dash reaches it whatever flags pgtest has or will have.
//
// With --raw-command, here or in what is set already, the first word that is
// not ours starts the command.
//
// below are the flags that GOFLAGS sets, which the command line overrides.
func (c *CommandLine) split(args []string, below gotest.Settings, ours set) error {
	c.Settings = below
	s := splitter{CommandLine: c, flags: ours, args: args, length: len(args), raw: c.RawCommand}
	if c.Gotestsum {
		if err := s.splitAsGotestsum(); err != nil {
			return err
		}
	}
	if err := s.split(); err != nil {
		return err
	}
	words := c.Line.Words()
	switch {
	case s.raw && len(words) > 0:
		return fmt.Errorf("--raw-command runs no go test: %s must stand behind --", words[0])
	case s.raw:
		c.Line, c.Settings, c.chdir = gotest.Line{}, gotest.Settings{}, chdir{}
	case c.ReadsInput():
		c.Settings = gotest.Settings{}
	}
	return nil
}

// splitAsGotestsum takes the flags as gotestsum does: they come first, end with
// -- or with the first word that is none, and none is the test binary's. -f has
// its value in the same word or the next.
func (s *splitter) splitAsGotestsum() error {
	for len(s.args) > 0 && strings.HasPrefix(s.args[0], "-") && len(s.args[0]) > 1 {
		var err error
		switch f := gotest.CutFlag(s.args[0]); {
		case f.Word == "--":
			s.ended, s.args = true, s.args[1:]
			if s.raw {
				s.takeCommand(s.args)
			}
			return nil
		case f.Dashes == 2 && f.Name == "":
			return fmt.Errorf("bad flag syntax: %s", f.Word)
		case f.Dashes == 2 && s.flags.lookup(f.Name) == nil:
			return fmt.Errorf("unknown flag: --%s", f.Name)
		case f.Dashes == 2:
			err = s.takeOurs(f, f.Name)
		case f.Word[1] == 'h':
			s.ours, s.args = append(s.ours, "--help"), s.args[1:]
		case f.Word[1] == 'f':
			f.Value = strings.TrimPrefix(f.Word[2:], "=")
			f.HasValue = len(f.Word) > 2
			err = s.takeOurs(f, "format")
		default:
			return fmt.Errorf("unknown shorthand flag: %q in %s", f.Word[1], f.Word)
		}
		if err != nil {
			return err
		}
	}
	s.ended = true
	return nil
}

// split decides whose each word is, and takes it with its value.
func (s *splitter) split() error {
	for len(s.args) > 0 {
		f := gotest.CutFlag(s.args[0])
		name, ours := s.oursName(f)
		var err error
		switch {
		case f.Word == "--" && s.raw:
			s.takeCommand(s.args[1:])
		case f.Word == "--" && s.endsOurs():
			s.ended, s.args = true, s.args[1:]
		case gotest.EndsFlags(f.Word):
			s.Line.Next(s.args)
			s.args = nil
		case ours:
			// Go test does not see the word, so its place stays the same: in
			// "-custom --format=dots v" the v can still be the value of -custom.
			err = s.takeOurs(f, name)
		case s.raw:
			s.takeCommand(s.args)
		default:
			err = s.takeTheirs()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// oursName tells whether a word is a flag of pgtest, and of which name.
func (s *splitter) oursName(f gotest.Flag) (string, bool) {
	switch {
	case s.ended:
		return "", false
	case (f.Word == "-h" || f.Word == "--h") && !s.Line.InArguments():
		// Go test would print its usage, which does not name our flags.
		return "help", true
	case f.Dashes == 1 && f.Name == "f" && len(s.Line.Parts()) == 0:
		// Gotestsum's short form of --format. Behind a word of go test it is as
		// likely the test binary's.
		return "format", true
	case f.Dashes == 2:
		// No flag of go test has the name of one of ours. One of a test binary
		// that does goes behind -args.
		return f.Name, s.flags.lookup(f.Name) != nil
	}
	return "", false
}

// endsOurs says what a -- is. With no word of go test before it, it ends flags of
// pgtest, as it does for gotestsum, and words of go test follow. Otherwise it is
// go test's, which hands it to the test binary with all that follows.
func (s *splitter) endsOurs() bool { return !s.ended && len(s.Line.Parts()) == 0 }

// takeOurs takes a flag of pgtest, and its value from the next word if the
// word itself has none.
func (s *splitter) takeOurs(f gotest.Flag, name string) error {
	n := 1
	if !s.flags.lookup(name).boolean && !f.HasValue {
		if len(s.args) < 2 {
			return missingValue(name)
		}
		f.Value, f.HasValue, n = s.args[1], true, 2
	}
	flag := "--" + name
	if f.HasValue {
		flag += "=" + f.Value
	}
	if name == "raw-command" {
		on, err := strconv.ParseBool(f.Value)
		s.raw = !f.HasValue || err == nil && on
	}
	s.ours = append(s.ours, flag)
	s.args = s.args[n:]
	return nil
}

// takeCommand takes all that is left for --raw-command.
func (s *splitter) takeCommand(command []string) { s.Command, s.args = command, nil }

// takeTheirs takes what go test gets next: for itself or for the test binary.
func (s *splitter) takeTheirs() error {
	p := s.Line.Next(s.args)
	if dir, ok := s.Line.Dir(); ok && len(s.Line.Parts()) == 1 {
		s.chdir = chdir{dir, s.length - len(s.args), len(p.Words)}
	}
	s.args = s.args[len(p.Words):]
	switch p.Kind {
	case gotest.OwnFlag:
		return s.Settings.Set(p.Flag)
	case gotest.OtherFlag, gotest.Argument:
		s.noteMeant(p.Flag)
	}
	return nil
}
