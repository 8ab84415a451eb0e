package jsonstream

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestRooms looks at who knows whom: results know no output, sinks no other
// sink, and roles nothing of all that.
func TestRooms(t *testing.T) {
	const root = "pgtest/jsonstream/"
	sinks := []string{"format", "junit", "jsonfile", "section", "ci", "trace", "report"}
	rooms := map[string][]string{ // what a room may know
		"event":          nil,
		"internal/spool": {"event"},
		"result":         {"event", "internal/spool"},
		"sink":           {"event", "internal/spool", "result"},
		"timeline":       {"event", "internal/spool", "result", "sink"},
	}
	for _, name := range sinks {
		rooms[name] = []string{"event", "internal/spool", "result", "sink", "timeline"}
	}
	for room, allowed := range rooms {
		for _, dep := range list(t, "-deps", root+room) {
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
	for _, line := range list(t, "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "pgtest/...") {
		who, imports, _ := strings.Cut(line, ": ")
		for _, name := range sinks {
			if slices.Contains(strings.Fields(imports), root+name) && who != "pgtest/jsonstream" && !strings.HasPrefix(who, "pgtest/cmd/pgtest") {
				t.Errorf("%s knows %s", who, name)
			}
		}
	}
	// They start once for each package that is tested.
	for _, dep := range list(t, "-deps", "pgtest/harness/internal/supervisor", "pgtest/harness/internal/watchdog",
		"pgtest/harness/internal/pertest", "pgtest/harness/linkcache", "pgtest/signals") {
		if strings.HasPrefix(dep, "gotest.tools/") || strings.HasPrefix(dep, "pgtest/jsonstream") {
			t.Errorf("a role knows %s", dep)
		}
	}
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
