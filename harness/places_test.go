package harness

import (
	"fmt"
	"testing"

	"pgtest/harness/override"
)

// TestPlaceLimits has what limits the places of a run.
func TestPlaceLimits(t *testing.T) {
	weight, group := new(override.Rule), new(override.Rule)
	weight.Weight = override.Value[int]{Is: 2, Where: "a"}
	group.Group = override.Value[string]{Is: "db", Where: "a"}
	groups := []override.Group{{Name: "db", Max: 3}}
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{Args: []string{"-p=4"}}, "{0 0 map[]}"},
		{Config{Args: []string{"-p=4"}, Places: Places{Packages: 2}}, "{2 0 map[]}"},
		{Config{Args: []string{"-p=4"}, Overrides: override.Rules{group}, Places: Places{Groups: groups}}, "{4 0 map[db:3]}"},
		{Config{Args: []string{"-p=4"}, Overrides: override.Rules{weight}}, "{4 4 map[]}"},
		{Config{Args: []string{"-p=4"}, Overrides: override.Rules{weight}, Places: Places{Packages: 6}}, "{6 6 map[]}"},
		{Config{Args: []string{"-p=4"}, Setups: []Setup{{Name: "db"}}}, "{4 0 map[]}"},
	} {
		if got := fmt.Sprint(limitsOf(tt.cfg)); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.cfg, got, tt.want)
		}
	}
}
