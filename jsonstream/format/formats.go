package format

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/fatih/color"
	"gotest.tools/gotestsum/testjson"
)

// Names returns the names of the output formats, in the order in which they
// are best explained. Older names that gotestsum still takes (short,
// short-verbose, gotestdox, dots-v1, ...) are accepted too, but not listed.
func Names() []string {
	return []string{
		"dots", "dots-v2", "pkgname", "pkgname-and-test-fails", "testname", "testdox",
		"github-actions", "teamcity", "standard-quiet", "standard-verbose", "standard-json", "none",
	}
}

// oldFormats are the names that gotestsum keeps for old command lines, and its
// undocumented debug format.
var oldFormats = map[string]string{
	"dots-v1":             "dots",
	"gotestdox":           "testdox",
	"short-verbose":       "testname",
	"short":               "pkgname",
	"short-with-failures": "pkgname-and-test-fails",
	"github-action":       "github-actions",
	"debug":               "debug",
}

// current returns the name that a format has today.
func current(name string) string {
	if now, ok := oldFormats[name]; ok {
		return now
	}
	return name
}

// WritesLines says whether a format writes whole lines only, so that something
// else can stand below them on a terminal. The dots formats do not.
func WritesLines(name string) bool { return !formats[current(name)].quiet }

// InTurn says whether a format shows one package after another.
func InTurn(name string) bool { return current(name) == "standard-verbose" }

// Icons returns the names of the icon sets that the pkgname and testdox
// formats can use. The empty name means the same as "default".
func Icons() []string {
	return []string{"default", "hivis", "text", "codicons", "octicons", "emoticons"}
}

// Check returns an error that names the valid formats if name is none of them.
func Check(name string) error {
	if slices.Contains(Names(), name) || oldFormats[name] != "" {
		return nil
	}
	return fmt.Errorf("unknown format %q: must be one of %s", name, strings.Join(Names(), ", "))
}

// CheckIcons returns an error that names the valid icon sets if icons is
// neither one of them nor empty.
func CheckIcons(icons string) error {
	if icons == "" || slices.Contains(Icons(), icons) {
		return nil
	}
	return fmt.Errorf("unknown icons %q: must be one of %s", icons, strings.Join(Icons(), ", "))
}

// HideSummary returns the summary that is left when the comma-separated
// sections (skipped, failed, errors, output, all) are hidden.
func HideSummary(sections string) (testjson.Summary, error) {
	left := testjson.SummarizeAll
	if sections == "" {
		return left, nil
	}
	words, err := csv.NewReader(strings.NewReader(sections)).Read()
	if err != nil {
		return left, fmt.Errorf("bad value %q: must be sections with commas between them", sections)
	}
	for _, word := range words {
		section, ok := testjson.NewSummary(word)
		if !ok {
			return left, fmt.Errorf("unknown summary section %q: must be one or more of %s, all", word, testjson.SummarizeAll)
		}
		left &^= section
	}
	return left, nil
}

// SetColor turns the colours of all formats and of the summary on or off, for
// the whole process. Call it before New.
func SetColor(on bool) {
	color.NoColor = !on
}
