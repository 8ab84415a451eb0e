package flags

import (
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/config"
	"pgtest/cmd/pgtest/internal/nearest"
	"pgtest/harness"
)

// The keys of a setup.
const (
	commandKey = "command"

	commandText       = "what runs once before the packages: words, or a text for sh"
	setupPackagesText = "patterns of the packages that it is for; all without any"
)

// setupsOf reads the tables [setup.NAME].
func setupsOf(file *config.File, modules modules) ([]harness.Setup, error) {
	var all []harness.Setup
	for _, t := range file.Setups() {
		setup := harness.Setup{Name: t.Name, Dir: file.Dir, Where: t.At.String()}
		if t.Name == "" || strings.ContainsFunc(t.Name, func(r rune) bool { return r <= ' ' || r == '/' }) {
			return nil, t.At.Errorf("setup: %q can't be the name of one: it must be without spaces and slashes", t.Name)
		}
		for _, s := range t.Settings {
			var err error
			switch s.Key {
			case commandKey:
				setup.Command, err = setupCommand(s)
			case packagesKey:
				var patterns []string
				patterns, err = modules.packages(s)
				setup.InPackages(patterns...)
			default:
				err = unknownInSetup(s)
			}
			if err != nil {
				return nil, err
			}
		}
		if setup.Command == nil {
			return nil, t.At.Errorf("setup %s: command is missing", t.Name)
		}
		all = append(all, setup)
	}
	return all, nil
}

func setupCommand(s config.Setting) ([]string, error) {
	switch {
	case s.Kind != config.String && s.Kind != config.Strings:
		return nil, s.ValueAt.Errorf("command: must be a string or an array of strings")
	case len(s.Values) == 0 || s.Values[0] == "":
		return nil, s.ValueAt.Errorf("command: there is none")
	case slices.ContainsFunc(s.Values, func(word string) bool { return strings.Contains(word, "\x00") }):
		return nil, s.ValueAt.Errorf("command: has a zero byte")
	case s.Kind == config.String:
		return []string{"sh", "-c", s.Values[0]}, nil
	}
	return s.Values, nil
}

func unknownInSetup(s config.Setting) error {
	if near := nearest.Of(s.Key, []string{commandKey, packagesKey}); near != "" {
		return s.At.Errorf("unknown key %q; did you mean %q?", s.Key, near)
	}
	return s.At.Errorf("unknown key %q: a setup has %s, %s", s.Key, commandKey, packagesKey)
}

// setupSchema describes a table [setup.NAME].
func setupSchema() map[string]any {
	words := []config.Kind{config.String, config.Strings}
	return object(map[string]any{
		commandKey:  described(commandText, schemaOf(words, nil)),
		packagesKey: described(setupPackagesText, schemaOf(words, nil)),
	}, commandKey)
}
