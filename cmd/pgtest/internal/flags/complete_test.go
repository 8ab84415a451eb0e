package flags

import (
	"slices"
	"strings"
	"testing"
)

// TestSplitLine wants a line to be split as a shell splits it, up to the cursor.
func TestSplitLine(t *testing.T) {
	for line, want := range map[string][]string{
		"":                    {""},
		" ":                   {""},
		" a":                  {"a"},
		" a  b ":              {"a", "b", ""},
		` -run '^A|B`:         {"-run", "^A|B"},
		` -run "a 'b`:         {"-run", "a 'b"},
		` 'a b' c\ d"e f"g h`: {"a b", "c de fg", "h"},
		` '' `:                {"", ""},
		` 'a\' \`:             {`a\`, ""},
	} {
		if got := splitLine(line); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestComplete is about what the last word can become.
func TestComplete(t *testing.T) {
	t.Setenv("PGTEST_RAW_COMMAND", "true") // completion is about what is typed
	for line, want := range map[string]string{
		// Names of flags, and values behind = or as the next word.
		"--junitfile-p":              "--junitfile-project-name",
		"./a -v --junitfile-p":       "--junitfile-project-name",
		"--leaks=":                   "--leaks=warn --leaks=fail --leaks=ignore",
		"--leaks f":                  "fail",
		"./a --tty ":                 "auto tests off",
		"--link-cache=o":             "--link-cache=on --link-cache=off",
		"-f dot":                     "dots dots-v2",
		"--isolate t":                "test test:",
		"--grace ":                   "",
		"--grace=":                   "",
		"--junitfile ":               Files,
		"--jsonfile=a":               Files,
		"--no-such":                  "",
		"--no-such=":                 "",
		"--resources=t":              "--resources=true",
		"--leaks fail --junitfile-p": "--junitfile-project-name",

		// One dash is go test's, and so is the value of a flag of it.
		"-coverm":         "-covermode",
		"./a -coverm":     "-covermode",
		"-run --col":      "",
		"-custom --col":   "--color",
		"-v --hide":       "--hide-summary",
		"-run=x --hide":   "--hide-summary",
		"-run x --hide":   "--hide-summary",
		"./a -cust --hid": "--hide-summary",

		// Behind -args and -- all is the test binary's.
		"./a -args --col":          Files,
		"./a -- --col":             Files,
		"--leaks=fail -- --col":    "",
		"--leaks=fail -- -coverm":  "-covermode",
		"--raw-command -- x --col": Files,
		"--raw-command --hide":     "--hide-summary",
		"some":                     Files,
		"./a x_":                   Files,

		"to":                 "tool",
		"./a to":             Files,
		"tool ":              "cache ci-matrix completion history man plan replay report slowest",
		"tool cache ":        "clean",
		"tool completion ":   "bash zsh fish",
		"tool cache clean x": Files,

		// Values of go test's flags.
		"-mod=":                  "-mod=readonly -mod=vendor -mod=mod",
		"--mod r":                "readonly",
		"./a -covermode ":        "set count atomic",
		"-shuffle o":             "on off",
		"-vet=print":             "-vet=printf",
		"-race=t":                "-race=true",
		"-test.shuffle=of":       "-test.shuffle=off",
		"-count ":                "",
		"-coverprofile c":        Files,
		"-coverprofile=c":        Files,
		"-C ":                    Files,
		"--raw-command -- -mod=": Files,
		"./a -args -run Te":      Files,
	} {
		var got []string
		for _, candidate := range Complete(strings.Split(line, " ")) {
			word, _, _ := strings.Cut(candidate, "\t")
			got = append(got, word)
		}
		if want := strings.Fields(want); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got := Complete(nil); got != nil {
		t.Errorf("no words: %q", got)
	}
}
