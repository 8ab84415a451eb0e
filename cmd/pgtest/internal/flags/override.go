package flags

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"pgtest/cmd/pgtest/internal/config"
	"pgtest/cmd/pgtest/internal/nearest"
	"pgtest/harness"
	"pgtest/harness/override"
)

// A key is what an override can have, besides packages, tests and environment.
type key struct {
	name, text string
	kinds      []config.Kind
	values     []string // to choose from, nil for others
	// whole says that it is for whole packages.
	whole bool
	// flag is the name of the flag that says it for all, or "".
	flag  string
	set   func(to *override.Settings, value, where string) error
	clear func(*override.Settings)
	// get returns "" for where if it is not set.
	get func(override.Settings) (value, where string)
}

// newKey is a key for one of the settings.
func newKey[T any](name, flag, text string, kind config.Kind, of func(*override.Settings) *override.Value[T], parse func(string) (T, error)) key {
	return key{
		name: name, flag: flag, text: text, kinds: []config.Kind{kind},
		set: func(to *override.Settings, value, where string) error {
			v, err := parse(value)
			if err == nil {
				*of(to) = override.Value[T]{Is: v, Where: where}
			}
			return err
		},
		clear: func(s *override.Settings) { *of(s) = override.Value[T]{} },
		get: func(s override.Settings) (string, string) {
			v := *of(&s)
			return fmt.Sprint(v.Is), v.Where
		},
	}
}

func (k key) ofPackages() key {
	k.whole = true
	return k
}

func (k key) among(values ...string) key {
	k.values = values
	return k
}

func (k key) orTable() key {
	k.kinds = append(k.kinds, config.Table)
	return k
}

// choose takes one of the names, each for what stands at its place in means.
func choose[T any](names []string, means ...T) func(string) (T, error) {
	return func(v string) (meant T, err error) {
		to := &meant
		return meant, named(to, names, means...).set(v)
	}
}

const (
	retryCount = "retries.count"
	retryDelay = "retries.delay"
)

// overrideKeys returns the keys in the order in which they are shown.
func overrideKeys() []key {
	type settings = override.Settings
	duration, count := durationFrom(0), func(s *settings) *override.Value[int] { return &s.Retries }
	isolations, leaks := []string{"test", "package"}, []string{"warn", "fail", "ignore"}
	return []key{
		newKey("timeout", "test-timeout", "end a test that runs longer, as --test-timeout does; 0s is no limit", config.String,
			func(s *settings) *override.Value[time.Duration] { return &s.Timeout }, duration),
		newKey("slow-after", "slow-after", "say once that a test is slow; 0s is never", config.String,
			func(s *settings) *override.Value[time.Duration] { return &s.SlowAfter }, duration),
		newKey("retries", "rerun-fails", "run a test that failed so often again, as --rerun-fails does; a table has count and delay", config.Integer,
			count, notNegative).orTable(),
		newKey(retryCount, "rerun-fails", "how often", config.Integer, count, notNegative),
		newKey(retryDelay, "", "how long to wait before", config.String,
			func(s *settings) *override.Value[time.Duration] { return &s.RetryDelay }, duration),
		newKey("group", "", "the group in which packages and tests wait for each other; its table is [group.NAME]", config.String,
			func(s *settings) *override.Value[string] { return &s.Group }, valid(nil)),
		newKey("weight", "", "how many processors count as busy", config.Integer,
			func(s *settings) *override.Value[int] { return &s.Weight }, positive),
		newKey("quarantine", "", "the last day on which failures mean nothing, and the reason, as \"2027-01-31 https://…\"", config.String,
			func(s *settings) *override.Value[override.Quarantine] { return &s.Quarantine }, override.ParseQuarantine),
		newKey("isolate", "isolate", "test gives each test a process of its own, package does not", config.String,
			func(s *settings) *override.Value[override.Isolation] { return &s.Isolate },
			choose[override.Isolation](isolations, true, false)).among(isolations...).ofPackages(),
		newKey("procs", "", "GOMAXPROCS of the package's tests, which is how many parallel ones run at once", config.Integer,
			func(s *settings) *override.Value[int] { return &s.Procs }, positive).ofPackages(),
		newKey("leaks", "leaks", "what a process means that a test left behind", config.String,
			func(s *settings) *override.Value[override.LeakPolicy] { return &s.Leaks },
			choose(leaks, override.WarnLeaks, override.FailLeaks, override.IgnoreLeaks)).among(leaks...).ofPackages(),
	}
}

// The keys of an override that are none of overrideKeys.
const (
	packagesKey    = "packages"
	testsKey       = "tests"
	environmentKey = "environment"

	packagesText    = "patterns of packages, as for go test, where ./ is the directory of the file; all without any"
	testsText       = "a pattern of tests as for -run; settings hold for their subtests, too"
	environmentText = "variables for the processes of the package's tests"
)

// overridden are the rules and groups of a file.
type overridden struct {
	rules  override.Rules
	all    override.Rules // of all profiles
	groups []override.Group
	setups []harness.Setup
}

// overridesOf reads those of a profile, and judges those of all.
func overridesOf(file *config.File, profile string, modules modules) (overridden, error) {
	groups, err := groupsOf(file)
	o := overridden{groups: groups}
	if err != nil {
		return o, err
	}
	if o.setups, err = setupsOf(file, modules); err != nil {
		return o, err
	}
	rules := make(map[*config.Override]*override.Rule)
	for _, one := range file.AllOverrides() {
		if rules[one], err = ruleOf(one, groups, modules); err != nil {
			return o, err
		}
		o.all = append(o.all, rules[one])
	}
	for _, one := range file.Overrides(profile) {
		o.rules = append(o.rules, rules[one])
	}
	return o, nil
}

// groupsOf reads the tables [group.NAME].
func groupsOf(file *config.File) ([]override.Group, error) {
	var all []override.Group
	for _, g := range file.Groups() {
		if g.Name == "" || strings.ContainsFunc(g.Name, unicode.IsControl) {
			return nil, g.At.Errorf("group: %q can't be the name of one", g.Name)
		}
		group := override.Group{Name: g.Name}
		for _, s := range g.Settings {
			switch {
			case s.Key != "max" && nearest.Of(s.Key, []string{"max"}) != "":
				return nil, s.At.Errorf("unknown key %q; did you mean \"max\"?", s.Key)
			case s.Key != "max":
				return nil, s.At.Errorf("unknown key %q: a group has max", s.Key)
			case s.Kind != config.Integer:
				return nil, s.ValueAt.Errorf("max: must be a whole number")
			}
			var err error
			if group.Max, err = positive(s.Values[0]); err != nil {
				return nil, s.ValueAt.Errorf("max: %w", err)
			}
		}
		if group.Max == 0 {
			return nil, g.At.Errorf("group %s: max is missing", g.Name)
		}
		all = append(all, group)
	}
	return all, nil
}

// ruleOf makes a rule of an override.
func ruleOf(o *config.Override, groups []override.Group, modules modules) (*override.Rule, error) {
	r := &ruler{modules: modules, keys: overrideKeys(), groups: groups, rule: new(override.Rule)}
	for _, s := range o.Settings {
		if err := r.take(s); err != nil {
			return nil, err
		}
	}
	switch {
	case r.sets == 0:
		return nil, o.At.Errorf("override: sets nothing")
	case r.tests && r.whole.Key != "":
		return nil, r.whole.At.Errorf("%s: is for whole packages, not together with tests", r.whole.Key)
	case r.retries.Key != "" && !r.rule.Retries.Set():
		return nil, r.retries.At.Errorf("retries: count is missing")
	}
	return r.rule, nil
}

// A ruler makes a rule of the settings of an override.
type ruler struct {
	modules modules
	keys    []key
	groups  []override.Group
	rule    *override.Rule
	sets    int            // how many settings
	tests   bool           // it is for some tests
	whole   config.Setting // one that is for whole packages
	retries config.Setting // the first of those in a table of them
}

func (r *ruler) take(s config.Setting) error {
	name := s.Key
	if s.Sub != "" {
		name += "." + s.Sub
	}
	switch {
	case name == packagesKey:
		return r.takePackages(s)
	case name == testsKey:
		if s.Kind != config.String {
			return s.ValueAt.Errorf("tests: must be a string: a pattern as for -run")
		}
		r.tests = true
		if err := r.rule.ForTests(s.Values[0]); err != nil {
			return s.ValueAt.Errorf("tests: %w", err)
		}
		return nil
	case s.Key == environmentKey:
		r.sets++
		r.whole = s
		return r.takeVariable(s)
	}
	i := slices.IndexFunc(r.keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return r.unknown(s, name)
	}
	k := r.keys[i]
	if !slices.Contains(k.kinds, s.Kind) {
		return s.ValueAt.Errorf("%s: must be %s", name, kindsOf(k.kinds))
	}
	r.sets++
	if k.whole {
		r.whole = s
	}
	if r.retries.Key == "" && (s.Kind == config.Table || k.name == retryDelay) {
		r.retries = s
	}
	if s.Kind == config.Table {
		return nil
	}
	if err := k.set(&r.rule.Settings, s.Values[0], s.At.String()); err != nil {
		return s.ValueAt.Errorf("%s: %w", name, err)
	}
	if group := r.rule.Group.Is; k.name == "group" && group != "" {
		return r.checkGroup(s, group)
	}
	return nil
}

// unknown is the error for a key that overrides don't have.
func (r *ruler) unknown(s config.Setting, name string) error {
	prefix := ""
	if s.Sub != "" {
		prefix = s.Key + "."
	}
	names := []string{packagesKey, testsKey, environmentKey}
	for _, k := range r.keys {
		names = append(names, k.name)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) || strings.Contains(n[len(prefix):], ".") })
	if near := nearest.Of(strings.ReplaceAll(name, "_", "-"), names); near != "" {
		return s.At.Errorf("unknown key %q; did you mean %q?", name, near)
	}
	if len(names) == 0 {
		return s.At.Errorf("unknown key %q", name)
	}
	return s.At.Errorf("unknown key %q: an override has %s", name, strings.Join(names, ", "))
}

func (r *ruler) takePackages(s config.Setting) error {
	patterns, err := r.modules.packages(s)
	r.rule.InPackages(patterns...)
	return err
}

func (r *ruler) takeVariable(s config.Setting) error {
	switch {
	case s.Kind == config.Table:
		return nil
	case s.Sub == "":
		return s.ValueAt.Errorf("environment: must be a table of strings")
	case strings.ContainsRune(s.Sub, '=') || strings.ContainsFunc(s.Sub, unicode.IsControl):
		return s.At.Errorf("environment: %q can't be the name of a variable", s.Sub)
	case harness.SetsVariable(s.Sub):
		return s.At.Errorf("environment: %s is set by pgtest", s.Sub)
	case s.Kind != config.String:
		return s.ValueAt.Errorf("environment: %s must be a string", s.Sub)
	case strings.Contains(s.Values[0], "\x00"):
		return s.ValueAt.Errorf("environment: %s has a zero byte", s.Sub)
	}
	if r.rule.Environment == nil {
		r.rule.Environment = make(map[string]override.Value[string])
	}
	r.rule.Environment[s.Sub] = override.Value[string]{Is: s.Values[0], Where: s.At.String()}
	return nil
}

// checkGroup says that no table has the name of a group.
func (r *ruler) checkGroup(s config.Setting, name string) error {
	var names []string
	for _, g := range r.groups {
		names = append(names, g.Name)
	}
	switch near := nearest.Of(name, names); {
	case slices.Contains(names, name):
		return nil
	case near != "":
		return s.ValueAt.Errorf("group: unknown group %q; did you mean %q?", name, near)
	}
	return s.ValueAt.Errorf("group: unknown group %q: there is no [group.%[1]s]", name)
}

// below returns the rules without what words of the command line or the environment
// say for all.
func (o overridden) below(from origins) override.Rules {
	var rules override.Rules
	for _, r := range o.rules {
		rest := *r
		for _, k := range overrideKeys() {
			if flag, set := from[k.flag]; set && flag.level > aFile {
				k.clear(&rest.Settings)
			}
		}
		rules = append(rules, &rest)
	}
	return rules
}

// PrintOverrides prints what holds for a package, or for a test unless that is "",
// and where it comes from.
func (c *CommandLine) PrintOverrides(w io.Writer, pkg, test string) error {
	modules, err := modulesAround(".")
	if err != nil {
		return err
	}
	modules.absent = c.Archive != ""
	path, err := modules.importPath(pkg)
	if err != nil {
		return err
	}
	s := c.Overrides.Package(path)
	if test != "" {
		s = c.Overrides.Test(path, test)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	ours := newSet(new(Options))
	for _, k := range overrideKeys() {
		if k.name == retryCount {
			continue
		}
		value, where := k.get(s)
		if where == "" {
			value, where = "", "default"
			if r := ours.lookup(k.flag); r != nil {
				o, set := c.from[k.flag]
				value, where = cmp.Or(o.value, r.Default), o.where
				if !set {
					where = "default"
				}
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", k.name, oneLine(value), where)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		v := s.Environment[name]
		fmt.Fprintf(table, "environment.%s\t%s\t%s\n", name, oneLine(v.Is), v.Where)
	}
	for _, s := range c.Setups {
		if s.IsFor(path) {
			fmt.Fprintf(table, "setup.%s\t%s\t%s\n", s.Name, oneLine(strings.Join(s.Command, " ")), s.Where)
		}
	}
	return table.Flush()
}

// errShowUsage is for words that tool config show doesn't take.
var errShowUsage = errors.New("usage: pgtest tool config show [flags] [package [test]]")

// Shown returns the package and the test that words behind tool config show name,
// or nothing.
func (c *CommandLine) Shown() (pkg, test string, err error) {
	words := c.Line.Words()
	for _, w := range words {
		if strings.HasPrefix(w, "-") || len(words) > 2 {
			return "", "", errShowUsage
		}
	}
	words = append(words, "", "")
	return words[0], words[1], nil
}
