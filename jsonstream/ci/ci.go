// Package ci writes what the logs and pages of CI systems show of a run beside
// its output: annotations, a summary in Markdown, folds around outputs. And it
// keeps the systems from carrying out commands that tests print.
package ci

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"pgtest/jsonstream/sink"
)

// A System is a CI system whose log pgtest writes for; "" is none.
type System string

const (
	GitHub    System = "github"
	GitLab    System = "gitlab"
	Buildkite System = "buildkite"
	TeamCity  System = "teamcity"
	Azure     System = "azure"
)

var systems = []System{GitHub, GitLab, Buildkite, TeamCity, Azure}

// Names are the values of [Parse].
func Names() []string {
	names := []string{"auto", "off"}
	for _, s := range systems {
		names = append(names, string(s))
	}
	return names
}

// Parse returns the system of a name: auto is the one that the environment
// tells of, off is none.
func Parse(name string, getenv func(string) string) (System, error) {
	switch {
	case name == "auto":
		return detect(getenv), nil
	case name == "off":
		return "", nil
	case slices.Contains(systems, System(name)):
		return System(name), nil
	}
	return "", fmt.Errorf("unknown value %q: must be one of %s", name, strings.Join(Names(), ", "))
}

// detect knows a system by the variable that its documentation names for that.
func detect(getenv func(string) string) System {
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		return GitHub
	case getenv("GITLAB_CI") == "true":
		return GitLab
	case getenv("BUILDKITE") == "true":
		return Buildkite
	case strings.EqualFold(getenv("TF_BUILD"), "true"):
		return Azure
	case getenv("TEAMCITY_VERSION") != "":
		return TeamCity
	}
	return ""
}

// Guard returns what keeps the system from carrying out commands in an output
// that has its own commands, too.
func (s System) Guard() sink.Guard {
	switch s {
	case GitHub:
		token := rand.Text()
		return sink.Guard{Stop: "::stop-commands::" + token + "\n", Resume: "::" + token + "::\n"}
	case Azure, TeamCity:
		return sink.Guard{Defuse: newDefuser(s).append}
	}
	return sink.Guard{}
}
