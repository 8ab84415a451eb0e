package roles_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/roles"
)

// TestNames keeps two roles from sharing a name.
func TestNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, role := range roles.All {
		if seen[role.Name] || !strings.HasPrefix(role.Name, "__") {
			t.Errorf("%q: taken, or a word of a user's", role.Name)
		}
		seen[role.Name] = true
	}
}

// TestLight holds what may not be imported, directly or not, by what starts
// once for each package, test or link, and by the library for test authors.
func TestLight(t *testing.T) {
	// What initializes for long, and what shows or reads results.
	heavy := []string{
		"net", "net/http", "crypto/tls", "text/template", "html/template", "go/parser", "encoding/xml", "runtime/cgo",
		"gotest.tools/gotestsum/testjson", "pgtest/jsonstream", "pgtest/harness",
	}
	role := slices.Concat(heavy, []string{"testing", "pgtest/harness/isolate"})
	less := func(more ...string) []string { return slices.Concat(role, more) }
	for pkg, forbidden := range map[string][]string{
		"pgtest/harness/internal/supervisor": role,
		"pgtest/harness/internal/pertest":    role,
		"pgtest/harness/internal/watchdog":   less("regexp"),
		"pgtest/harness/linkcache":           role,
		"pgtest/signals":                     less("regexp", "encoding/json"),
		"pgtest/harness/internal/proc":       less("regexp", "encoding/json", "pgtest/signals", "pgtest/harness/internal/control"),
		"pgtest/harness/internal/testtext":   less("regexp", "encoding/json", "golang.org/x/sys/unix"),
		"pgtest/harness/isolate":             slices.Concat(heavy, []string{"pgtest/signals", "pgtest/harness/internal/control"}),
	} {
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, dep := range strings.Fields(string(out)) {
			if slices.Contains(forbidden, dep) {
				t.Errorf("%s imports %s", pkg, dep)
			}
		}
	}
}
