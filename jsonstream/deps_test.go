package jsonstream

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRooms looks at who knows whom: results know no output, sinks know no other
// sink, and nobody but this package knows more than one.
func TestRooms(t *testing.T) {
	const root = "pgtest/jsonstream/"
	sinks := []string{"format", "junit", "jsonfile", "section"}
	rooms := map[string][]string{ // what a room may know
		"event":          nil,
		"internal/spool": {"event"},
		"result":         {"event", "internal/spool"},
		"sink":           {"event", "internal/spool", "result"},
	}
	for _, name := range sinks {
		rooms[name] = []string{"event", "internal/spool", "result", "sink"}
	}
	for room, allowed := range rooms {
		out, err := exec.Command("go", "list", "-deps", root+room).Output()
		if err != nil {
			t.Fatal(err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			name, ours := strings.CutPrefix(dep, root)
			switch {
			case ours && name != room && !slices.Contains(allowed, name):
				t.Errorf("%s knows %s", room, name)
			case !ours && strings.HasPrefix(dep, "pgtest"):
				t.Errorf("%s knows %s", room, dep)
			case strings.HasPrefix(dep, "gotest.tools/") && room != "format" && room != "junit":
				t.Errorf("%s knows testjson", room)
			}
		}
	}
}
