package config

// A Named is a table with a name: [group.NAME] or [setup.NAME].
type Named struct {
	Name     string
	At       Position
	Settings []Setting
}

// Groups returns the groups in the order of the file.
func (f *File) Groups() []*Named { return f.named[groups] }

// Setups returns the setups in the order of the file.
func (f *File) Setups() []*Named { return f.named[setups] }

func isNamed(k key) bool { return k.name == groups || k.name == setups }

// namedTable returns the one of a table, which may be new.
func (f *File) namedTable(table []key) (*Named, error) {
	if len(table) != 2 {
		return nil, unknown(table)
	}
	kind := table[0].name
	for _, t := range f.named[kind] {
		if t.Name == table[1].name {
			return t, nil
		}
	}
	t := &Named{Name: table[1].name, At: table[1].at}
	if f.named == nil {
		f.named = make(map[string][]*Named)
	}
	f.named[kind] = append(f.named[kind], t)
	return t, nil
}
