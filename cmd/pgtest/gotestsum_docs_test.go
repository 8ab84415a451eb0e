package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// helpFlag is a flag as gotestsum's help has it.
var helpFlag = regexp.MustCompile(`(?m)^  (?:-\w, |    )(--[a-z-]+)`)

// helpOf returns the flags that a help lists, each behind a prefix.
func helpOf(t *testing.T, prefix, program string, args ...string) map[string]bool {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", program, args, err)
	}
	all := make(map[string]bool)
	for _, m := range helpFlag.FindAllStringSubmatch(string(out), -1) {
		all[prefix+m[1]] = true
	}
	return all
}

// TestGotestsumDocs compares docs/gotestsum.md with gotestsum's help, both ways:
// flags, formats, icons, and the flags of tools. A flag has a row that says
// what differs if it says nothing else, and pgtest has the flag unless the row
// says not yet.
func TestGotestsumDocs(t *testing.T) {
	reference := gotestsum(t)
	link := filepath.Join(asGotestsum(t), "gotestsum")
	rows := gotestsumRows(t)
	help, err := exec.Command(reference, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(help), "\nFormats:\n")
	formats, rest, _ := strings.Cut(rest, "\n\nFormat icons:\n")
	icons, _, _ := strings.Cut(rest, "\n\nCommands:")

	flags := helpOf(t, "", reference, "--help")
	tools := helpOf(t, "tool slowest ", reference, "tool", "slowest", "--help")
	maps.Copy(tools, helpOf(t, "tool ci-matrix ", reference, "tool", "ci-matrix", "--help"))
	for what, want := range map[string]map[string]bool{"flag": flags, "tool": tools} {
		got := rows[what]
		for name := range want {
			if got[name] == nil {
				t.Errorf("docs/gotestsum.md: no row for %s", name)
			}
		}
		for name := range got {
			if !want[name] && name != "-f" {
				t.Errorf("docs/gotestsum.md has %s, and gotestsum does not", name)
			}
		}
	}
	for _, line := range strings.Split(strings.TrimRight(formats, "\n"), "\n") {
		if name := strings.Fields(line)[0]; rows["format"][name] == nil {
			t.Errorf("docs/gotestsum.md: no row for the format %s", name)
		}
	}
	for name := range rows["format"] {
		if out, err := exec.Command(reference, "--format="+name, "--raw-command", "true").CombinedOutput(); err != nil {
			t.Errorf("gotestsum has no format %s: %s", name, out)
		}
	}
	text := gotestsumText(t)
	for _, line := range strings.Split(strings.TrimRight(icons, "\n"), "\n") {
		if name := strings.Fields(line)[0]; !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/gotestsum.md does not name the icons %s", name)
		}
	}
	for name := range rows["hidden flag"] {
		if out, _ := exec.Command(reference, name, "--help").CombinedOutput(); strings.Contains(string(out), "unknown flag") {
			t.Errorf("gotestsum has no flag %s", name)
		}
		flags[name] = true
	}
	first, all := helpOfPgtest(t, link)
	for name := range flags {
		row := rows["flag"][name]
		if row == nil {
			row = rows["hidden flag"][name]
		}
		if later := row != nil && row[1] == "not yet"; all[name] == later || first[name] != all[name] {
			t.Errorf("pgtest has %s: %t, in front in gotestsum's help: %t; the row says %q", name, all[name], first[name], row)
		}
	}
	for _, name := range variablesOfGotestsum(t) {
		if rows["variable"][name] == nil {
			t.Errorf("docs/gotestsum.md: no row for the variable %s", name)
		}
	}
}

// helpOfPgtest returns the flags that come first when pgtest is gotestsum, and all
// that there are.
func helpOfPgtest(t *testing.T, link string) (first, all map[string]bool) {
	t.Helper()
	out, err := exec.Command(link, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(out), "\nFlags:\n")
	group, _, _ := strings.Cut(rest, "\n\n")
	first, all = make(map[string]bool), make(map[string]bool)
	for flags, text := range map[*map[string]bool]string{&first: group, &all: rest} {
		for _, m := range regexp.MustCompile(`(?m)^  (?:-h, )?(--[a-z-]+)`).FindAllStringSubmatch(text, -1) {
			(*flags)[m[1]] = true
		}
	}
	return first, all
}

// variablesOfGotestsum returns the variables that gotestsum's source reads by
// name.
func variablesOfGotestsum(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gotest.tools/gotestsum").Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range []string{"cmd/main.go", "cmd/tool/slowest/slowest.go", "internal/junitxml/report.go", "testjson/format.go"} {
		source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:Getenv|LookupEnv|lookEnvWithDefault)\("(\w+)"`).FindAllStringSubmatch(string(source), -1) {
			if !slices.Contains([]string{"CI_NAME", "TEAMCITY_VERSION"}, m[1]) { // and the like
				names = append(names, m[1])
			}
		}
	}
	if len(names) < 12 {
		t.Fatalf("only %q", names)
	}
	return names
}

func gotestsumText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "gotestsum.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// gotestsumRows returns the rows of docs/gotestsum.md by the head of their table
// and each name in their first cell. No cell is empty, unless the row says not
// yet.
func gotestsumRows(t *testing.T) map[string]map[string][]string {
	t.Helper()
	rows := make(map[string]map[string][]string)
	head, section := "", ""
	for line := range strings.Lines(gotestsumText(t)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(title)
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") {
			head = ""
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " |")
		}
		switch {
		case head == "":
			if head = cells[0]; head == "" {
				head = "name"
			}
			if section == "Tools" {
				head = "tool"
			}
			if rows[head] != nil {
				t.Fatalf("docs/gotestsum.md: two tables of a %s", head)
			}
			rows[head] = make(map[string][]string)
			continue
		case strings.HasPrefix(cells[0], "---"):
			continue
		case slices.Contains(cells, "") && cells[1] != "not yet" && head != "":
			t.Errorf("docs/gotestsum.md: an empty cell: %s", line)
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[0], -1) {
			rows[head][m[1]] = cells
		}
	}
	if len(rows["flag"]) < 25 || len(rows["format"]) < 12 || len(rows["tool"]) < 8 || len(rows["variable"]) < 8 {
		t.Fatalf("rows: %v", rows)
	}
	return rows
}
