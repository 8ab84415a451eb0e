package override

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// encoded is a rule as JSON: what its processes have to know.
type encoded struct {
	patterns
	Settings
}

// Encode returns what the processes of tests have to know of the rules, "" if that
// is nothing. Decode is the inverse.
func (rules Rules) Encode() string {
	var all []encoded
	for _, r := range rules {
		if text, err := json.Marshal(r.Settings); err == nil && string(text) != "{}" {
			all = append(all, encoded{r.patterns, r.Settings})
		}
	}
	if len(all) == 0 {
		return ""
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "" // there are only texts and numbers
	}
	return string(text)
}

// Decode returns the rules of a text that Encode made.
func Decode(text string) (Rules, error) {
	var all []encoded
	if text == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, err
	}
	var rules Rules
	for _, e := range all {
		r := &Rule{Settings: e.Settings}
		r.InPackages(e.Packages...)
		if e.OfTests {
			if err := r.ForTests(e.Tests); err != nil {
				return nil, err
			}
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// Key identifies what can change the result of a test that passed: nothing that is
// only reported, no place in a file, and of variables only the names. It is "" if
// there is nothing of that kind.
func (rules Rules) Key() string {
	var bare Rules
	for _, r := range rules {
		b := &Rule{patterns: r.patterns}
		unplaced(&b.Timeout, r.Timeout)
		unplaced(&b.Isolate, r.Isolate)
		unplaced(&b.Procs, r.Procs)
		unplaced(&b.Leaks, r.Leaks)
		for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
			if b.Environment == nil {
				b.Environment = make(map[string]Value[string])
			}
			b.Environment[name] = Value[string]{Where: "x"}
		}
		bare = append(bare, b)
	}
	text := bare.Encode()
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// StandInPrefix starts the names of stand-ins.
const StandInPrefix = "_PGTEST_ENV_"

// StandIns returns variables for the go command, each with the value of a variable
// that the rules set. A test whose log says that it read the stand-in is not cached
// once that value has changed.
func (rules Rules) StandIns() []string {
	var all []string
	rules.variables(func(_ *Rule, name, standIn, value string) { all = append(all, standIn+"="+value) })
	return all
}

// StandIn returns the name of that for the value of a variable in a package.
func (rules Rules) StandIn(path, name string) (found string) {
	rules.variables(func(r *Rule, other, standIn, _ string) {
		if other == name && r.matches(path) {
			found = standIn
		}
	})
	return found
}

// variables calls f for each variable that rules set. Names of stand-ins are the
// same for rules with the same Key.
func (rules Rules) variables(f func(r *Rule, name, standIn, value string)) {
	n := 0
	for _, r := range rules {
		if len(r.Environment) == 0 {
			continue
		}
		n++
		for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
			f(r, name, fmt.Sprintf("%s%d_%s", StandInPrefix, n, name), r.Environment[name].Is)
		}
	}
}

// Environ returns the variables of a package's processes: those of the run, without
// stand-ins, and those that the settings have.
func (s Settings) Environ(env []string) []string {
	env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, StandInPrefix) })
	set := func(name, value string) {
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, name+"="+value)
	}
	if s.Procs.Set() {
		set("GOMAXPROCS", strconv.Itoa(s.Procs.Is))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		set(name, s.Environment[name].Is)
	}
	return env
}

// unplaced sets a value without its place.
func unplaced[T any](to *Value[T], v Value[T]) {
	if v.Set() {
		*to = Value[T]{Is: v.Is, Where: "x"}
	}
}
