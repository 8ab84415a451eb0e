package config

import (
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"

	"pgtest/cmd/pgtest/internal/nearest"
)

// An Override is a table [[override]]: settings for some packages and tests.
type Override struct {
	At       Position
	Settings []Setting
}

type overrides []*Override

// Overrides returns those that hold with a profile, later ones over earlier ones:
// those for all profiles, then those of the profiles that it inherits from, then
// its own. The profile is one that Settings takes.
func (f *File) Overrides(profile string) []*Override {
	all := slices.Clone(f.overrides)
	if p := f.profileNamed(profile); p != nil {
		chain, _ := f.chain(p)
		for _, p := range chain {
			all = append(all, p.overrides...)
		}
	}
	return all
}

// AllOverrides returns the overrides of all profiles.
func (f *File) AllOverrides() []*Override {
	all := slices.Clone(f.overrides)
	for _, p := range f.profiles {
		all = append(all, p.overrides...)
	}
	return all
}

// overridesOf returns the list of overrides that keys lead to, with the keys that
// are left, or nil.
func (f *File) overridesOf(keys []key) (*overrides, []key) {
	switch {
	case keys[0].name == override:
		return &f.overrides, keys[1:]
	case len(keys) > 2 && keys[0].name == profiles && keys[2].name == override:
		p, _ := f.profile(keys[:2])
		return &p.overrides, keys[3:]
	}
	return nil, nil
}

// addOverride begins an override with the keys of an array of tables.
func (f *File) addOverride(keys []key) error {
	list, rest := f.overridesOf(keys)
	switch {
	case list == nil && nearest.Of(keys[0].name, []string{override}) != "":
		return keys[0].at.Errorf("unknown table [[%s]]; did you mean %q?", shown(keys), override)
	case list == nil:
		return keys[0].at.Errorf("unknown table [[%s]]: settings stand in [profile.%s] or another profile", shown(keys), DefaultProfile)
	case len(rest) > 0:
		return rest[0].at.Errorf("unknown table [[%s]]", shown(keys))
	}
	*list = append(*list, &Override{At: keys[len(keys)-1].at})
	return nil
}

// table judges the header of a table in the last override, with the keys below it.
func (list overrides) table(rest, keys []key) error {
	switch {
	case len(list) == 0:
		return notList(keys[:len(keys)-len(rest)])
	case len(rest) > 1:
		return rest[1].at.Errorf("unknown table %q", join(keys))
	}
	last := list[len(list)-1]
	last.Settings = append(last.Settings, Setting{Key: rest[0].name, Kind: Table, At: rest[0].at, ValueAt: rest[0].at})
	return nil
}

func notList(keys []key) error {
	return keys[len(keys)-1].at.Errorf("%s: must be an array of tables, as [[%[1]s]] begins one", shown(keys))
}

// override adds what stands below a list of overrides: rest are the keys behind
// it, none for the list itself.
func (p *parser) override(list *overrides, rest, keys []key, value *unstable.Node) error {
	if len(rest) == 0 {
		return p.overrideList(list, keys, value)
	}
	if len(*list) == 0 {
		return notList(keys[:len(keys)-len(rest)])
	}
	return p.overridden((*list)[len(*list)-1], rest, value)
}

// overrideList takes overrides that are written as an array of inline tables.
func (p *parser) overrideList(list *overrides, keys []key, value *unstable.Node) error {
	if value.Kind != unstable.Array {
		return notList(keys)
	}
	for it := value.Children(); it.Next(); {
		table := it.Node()
		if table.Kind != unstable.InlineTable {
			return notList(keys)
		}
		o := &Override{At: p.at(table, keys[len(keys)-1].at)}
		*list = append(*list, o)
		err := p.entries(table, func(sub []key, value *unstable.Node) error { return p.overridden(o, sub, value) })
		if err != nil {
			return err
		}
	}
	return nil
}

// overridden adds a setting to an override, or for an inline table each of its
// entries.
func (p *parser) overridden(o *Override, keys []key, value *unstable.Node) error {
	if len(keys) > 2 {
		return keys[2].at.Errorf("unknown key %q", join(keys))
	}
	s := p.newSetting(keys, value)
	s.Key = keys[0].name
	if len(keys) > 1 {
		s.Sub, s.At = keys[1].name, keys[1].at
	}
	if value.Kind != unstable.InlineTable || len(keys) > 1 {
		o.Settings = append(o.Settings, s)
		return nil
	}
	o.Settings = append(o.Settings, Setting{Key: s.Key, Kind: Table, At: s.At, ValueAt: s.ValueAt})
	return p.entries(value, func(sub []key, value *unstable.Node) error {
		return p.overridden(o, slices.Concat(keys, sub), value)
	})
}
