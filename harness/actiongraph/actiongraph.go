// Package actiongraph reads what the go command writes with -debug-actiongraph:
// its actions, when each ran, and which waited for which. The flag is not
// documented, but has been there since Go 1.11.
package actiongraph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// An Action is one step of a build or of its tests.
type Action struct {
	ID      int
	Mode    string // "build", "link", "vet", "test run"
	Package string // "example.com/a.test" for the test binary of example.com/a
	Deps    []int  // the ID of each action that had to be done before
	// Objdir is the directory in go's work directory for what the action makes,
	// with a slash at its end. It may be empty.
	Objdir string
	// TimeReady is when all of Deps were done, TimeStart when the action began.
	// They are zero for what did not come to that.
	TimeReady, TimeStart, TimeDone time.Time
	// Ran says that the action ran programs. Without that its result was in go's
	// cache, or it needs no program.
	Ran Ran `json:"Cmd"`
}

// Ran is whether there are commands. What they are is not kept.
type Ran bool

func (r *Ran) UnmarshalJSON(text []byte) error {
	*r = Ran(len(text) > len("[]") && text[0] == '[')
	return nil
}

// Read reads a graph. An action's place in it is its ID. The file that go writes
// before the first action begins has no times.
func Read(r io.Reader) ([]Action, error) {
	dec := json.NewDecoder(r)
	switch start, err := dec.Token(); {
	case err != nil:
		return nil, err
	case start != json.Delim('['):
		return nil, errors.New("no list of actions")
	}
	var all []Action
	for dec.More() {
		var a Action
		if err := dec.Decode(&a); err != nil {
			return nil, err
		}
		if a.ID != len(all) {
			return nil, fmt.Errorf("action %d has the ID %d", len(all), a.ID)
		}
		all = append(all, a)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return all, nil
}
