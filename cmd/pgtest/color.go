package main

import (
	"os"
	"slices"

	"github.com/mattn/go-isatty"

	"pgtest/jsonstream/format"
)

// useColor decides whether output to f is coloured: --color if it says so,
// then NO_COLOR (no-color.org), CLICOLOR_FORCE (bixense.com/clicolors), then
// whether f is a terminal or the log of a CI system that shows colour.
func useColor(setting string, f *os.File) bool {
	switch {
	case setting == "always":
		return true
	case setting == "never", os.Getenv("NO_COLOR") != "":
		return false
	case !slices.Contains([]string{"", "0"}, os.Getenv("CLICOLOR_FORCE")):
		return true
	case ciShowsColor():
		return true
	case os.Getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(f)
}

// setColor switches colour on or off for this process' output. Package color
// obeys NO_COLOR in any case, so with --color=always this process loses the
// variable. The tests keep it.
func setColor(on bool) {
	if on {
		os.Unsetenv("NO_COLOR")
	}
	format.SetColor(on)
}

func isTerminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}

// ciShowsColor knows the CI systems whose logs show colour, the ones that
// gotestsum knows.
func ciShowsColor() bool {
	if isSet("TEAMCITY_VERSION") {
		return true
	}
	if !isSet("CI") {
		return false
	}
	return slices.ContainsFunc([]string{
		"APPVEYOR", "BUILDKITE", "CIRCLECI", "DRONE", "GITEA_ACTIONS", "GITHUB_ACTIONS", "GITLAB_CI", "TRAVIS",
	}, isSet) || os.Getenv("CI_NAME") == "codeship" || os.Getenv("CI") == "woodpecker"
}

func isSet(name string) bool {
	_, ok := os.LookupEnv(name)
	return ok
}
