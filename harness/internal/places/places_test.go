package places

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/harnesstest/race"
)

// TestPlan reads like a log: what happens, and who gets which place by it. A word
// is a key, which asks, or with a dash, which ends.
func TestPlan(t *testing.T) {
	needs := map[string]Need{
		"a": {}, "b": {}, "c": {}, "heavy": {Weight: 3}, "whole": {Weight: 100},
		"x1": {Groups: []string{"x"}}, "x2": {Groups: []string{"x"}}, "x3": {Groups: []string{"x"}},
		"xy": {Groups: []string{"x", "y"}}, "y1": {Groups: []string{"y"}},
		"xheavy": {Groups: []string{"x"}, Weight: 3},
		"D":      {Kind: Divided, Groups: []string{"x"}}, "E": {Kind: Divided, Groups: []string{"x"}},
		"D.1": {Kind: Process}, "D.2": {Kind: Process, Groups: []string{"x"}}, "D.3": {Kind: Process, Groups: []string{"x"}},
	}
	x := map[string]int{"x": 1}
	for _, tt := range []struct {
		name   string
		limits Limits
		log    string // what happens, then what it grants: key:slot/slot in the group
	}{
		{"no limits", Limits{}, "a>a:0 x1>x1:1/0 b>b:2 -a> c>c:0 x2>x2:3/1 -x1> x3>x3:1/0"},
		{"packages", Limits{Packages: 2}, "a>a:0 b>b:1 c> x1> -b>c:1 -a>x1:0/0"},
		{"a group lets others go first", Limits{Groups: x}, "x1>x1:0/0 x2> a>a:1 x3> b>b:2 -x1>x2:0/0 -x2>x3:0/0"},
		{"a request is taken back", Limits{Groups: x}, "x1>x1:0/0 x2> x3> -x2> -x1>x3:0/0"},
		{"weight waits for all", Limits{Weight: 4}, "a>a:0 b>b:1 heavy> c> -a>heavy:0 -b>c:1"},
		{"more than there is runs alone", Limits{Weight: 4}, "a>a:0 whole> b> -a>whole:0 -whole>b:0"},
		{"weight behind a group", Limits{Weight: 3, Groups: x}, "x1>x1:0/0 a>a:1 xheavy> b>b:2 -x1> c> -a> -b>xheavy:0/0 -xheavy>c:0"},
		{"two groups", Limits{Groups: map[string]int{"x": 1, "y": 1}}, "x1>x1:0/0 xy> y1> -x1>xy:0/0 -xy>y1:0/0"},
		{"a number in two groups", Limits{}, "x1>x1:0/0 y1>y1:1/0 xy>xy:2/1"},
		{"a divided package", Limits{Packages: 1, Groups: x}, "D>D:0 x1> D.2>D.2:1/0 D.3> D.1>D.1:2 -D.2>D.3:1/0 -D.1> -D.3> -D>x1:0/0"},
		{"processes are no packages", Limits{Packages: 2}, "D>D:0 D.1>D.1:1 a>a:2 b>"},
		{"a divided package waits for no place of a group", Limits{Groups: map[string]int{"x": 2, "y": 1}}, "y1>y1:0/0 xy> E> x1>x1:1/0"},
		{"no process before one that waits", Limits{Packages: 3, Groups: x}, "D>D:0 D.2>D.2:1/0 x1> E> -D.2>x1:1/0,E:2"},
	} {
		p := New[string](tt.limits)
		for word := range strings.FieldsSeq(tt.log) {
			what, want, _ := strings.Cut(word, ">")
			var granted []Grant[string]
			if key, ends := strings.CutPrefix(what, "-"); ends {
				granted = p.Release(only(key))
			} else {
				granted = p.Ask(what, needs[what])
			}
			var got []string
			for _, g := range granted {
				text := fmt.Sprintf("%s:%d", g.Key, g.Slot)
				if g.GroupSlot >= 0 {
					text += fmt.Sprintf("/%d", g.GroupSlot)
				}
				got = append(got, text)
			}
			if strings.Join(got, ",") != want {
				t.Errorf("%s: %s grants %q, want %q", tt.name, what, got, want)
			}
		}
	}
}

func only(key string) func(string) bool { return func(k string) bool { return k == key } }

func TestLacks(t *testing.T) {
	p := New[int](Limits{Packages: 2, Groups: map[string]int{"x": 1}})
	p.Ask(1, Need{Groups: []string{"x"}})
	p.Ask(2, Need{Groups: []string{"x", "y"}})
	if got := p.Lacks(2); !slices.Equal(got, []string{"x"}) {
		t.Errorf("%q", got)
	}
	p.Ask(3, Need{})
	p.Ask(4, Need{})
	if got := p.Lacks(4); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

func TestFreeSlot(t *testing.T) {
	p := New[int](Limits{Packages: 1})
	p.Ask(1, Need{Kind: Divided})
	p.FreeSlot(1)
	if got := p.Ask(2, Need{Kind: Process}); len(got) != 1 || got[0].Slot != 0 {
		t.Errorf("%+v", got)
	}
	if got := p.Ask(3, Need{}); got != nil {
		t.Errorf("the place itself is free: %+v", got)
	}
}

// A model is all that can happen with four packages and two groups: packages ask in
// any order, those that run end in any order, those that wait may die, and
// processes of a divided package ask and end while it runs.
type model struct {
	t      *testing.T
	limits Limits
	needs  map[string]Need
	inside map[string]string // the package of a process
	seen   map[string]bool
}

// A state is what has happened. Packages that have ended are in over.
type state struct {
	plan *Plan[string]
	over []string
}

func (s state) clone() state {
	plan := *s.plan
	plan.waiting, plan.held = slices.Clone(plan.waiting), slices.Clone(plan.held)
	return state{&plan, slices.Clone(s.over)}
}

func (s state) holds(key string) bool {
	return slices.ContainsFunc(s.plan.held, func(h holder[string]) bool { return h.Key == key })
}

func (s state) waits(key string) bool {
	return slices.ContainsFunc(s.plan.waiting, func(r request[string]) bool { return r.key == key })
}

func (s state) String() string {
	var words []string
	for _, r := range s.plan.waiting {
		words = append(words, r.key)
	}
	words = append(words, "|")
	var held []string
	for _, h := range s.plan.held {
		held = append(held, h.Key)
	}
	slices.Sort(held)
	words = append(append(words, held...), "|")
	return strings.Join(append(words, slices.Sorted(slices.Values(s.over))...), " ")
}

// explore goes on from a state in every way. Whatever happens brings it nearer to
// the end, so that a state in which nothing can happen is the only way to fail.
func (m *model) explore(s state) {
	id := s.String()
	if m.seen[id] {
		return
	}
	m.seen[id] = true
	moves := 0
	for _, key := range slices.Sorted(maps.Keys(m.needs)) {
		switch {
		case slices.Contains(s.over, key):
			continue
		case s.waits(key):
			if m.inside[key] == "" { // it dies, which nobody may rely on
				m.move(s, key, func(p *Plan[string]) []Grant[string] { return p.Release(only(key)) }, true)
			}
			continue
		case s.holds(key):
			if m.busy(s, key) {
				continue
			}
			m.move(s, key, func(p *Plan[string]) []Grant[string] { return p.Release(only(key)) }, true)
		default:
			if of := m.inside[key]; of != "" && !s.holds(of) {
				continue
			}
			m.move(s, key, func(p *Plan[string]) []Grant[string] { return p.Ask(key, m.needs[key]) }, false)
		}
		moves++
	}
	if moves == 0 && len(s.over) < len(m.needs) {
		m.t.Fatalf("%+v: nothing can happen any more: %s", m.limits, id)
	}
}

// busy reports whether processes of a package that began to run have yet to end.
func (m *model) busy(s state, pkg string) bool {
	for key, of := range m.inside {
		if of == pkg && !slices.Contains(s.over, key) {
			return true
		}
	}
	return false
}

func (m *model) move(s state, key string, do func(*Plan[string]) []Grant[string], ends bool) {
	next := s.clone()
	granted := do(next.plan)
	if ends {
		next.over = append(next.over, key)
		for process, of := range m.inside { // a package that died has none
			if of == key && !slices.Contains(next.over, process) {
				next.over = append(next.over, process)
			}
		}
	}
	m.check(s, next, granted)
	m.explore(next)
}

// check says whether limits hold, no number is given twice, and nobody is overtaken
// in vain.
func (m *model) check(before, after state, granted []Grant[string]) {
	packages, weight, groups := 0, 0, make(map[string]int)
	slots, groupSlots := make(map[int]bool), make(map[string]bool)
	for _, h := range after.plan.held {
		if slots[h.Slot] {
			m.t.Fatalf("slot %d is given twice: %s", h.Slot, after)
		}
		slots[h.Slot] = true
		if h.need.Kind != Process {
			packages++
		}
		if h.need.Kind == Divided {
			continue
		}
		weight += h.need.Weight
		for _, g := range h.need.Groups {
			groups[g]++
			if id := fmt.Sprint(g, h.GroupSlot); groupSlots[id] {
				m.t.Fatalf("slot %d of group %s is given twice: %s", h.GroupSlot, g, after)
			} else {
				groupSlots[id] = true
			}
		}
	}
	over := m.limits.Packages > 0 && packages > m.limits.Packages || m.limits.Weight > 0 && weight > m.limits.Weight
	for g, n := range groups {
		over = over || n > m.limits.Groups[g]
	}
	if over {
		m.t.Fatalf("%+v: too much runs at once: %s", m.limits, after)
	}
	for _, g := range granted {
		first := m.needs[g.Key]
		for _, r := range after.plan.waiting {
			earlier := !slices.ContainsFunc(before.plan.waiting, func(r request[string]) bool { return r.key == g.Key }) ||
				slices.IndexFunc(before.plan.waiting, func(o request[string]) bool { return o.key == r.key }) <
					slices.IndexFunc(before.plan.waiting, func(o request[string]) bool { return o.key == g.Key })
			if !earlier || first.Kind == Process && r.need.Kind != Process {
				continue
			}
			lacks := func(name string) bool { return !m.free(after, r, name) }
			robbed := r.need.Kind != Divided && slices.ContainsFunc(first.Groups, func(name string) bool {
				return slices.Contains(r.need.Groups, name) && lacks(name)
			})
			if robbed || !slices.ContainsFunc(r.need.Groups, lacks) {
				m.t.Fatalf("%+v, %+v: %s goes before %s: %s, then %s", m.limits, m.needs, g.Key, r.key, before, after)
			}
		}
	}
}

// free reports whether a group has a place for one that waits, beside those who have
// one or asked for one earlier. A divided package goes behind all of these.
func (m *model) free(s state, waits request[string], group string) bool {
	held, wanted := 0, 0
	for _, h := range s.plan.held {
		if h.need.Kind != Divided && slices.Contains(h.need.Groups, group) {
			held++
		}
	}
	earlier := true
	for _, r := range s.plan.waiting {
		earlier = earlier && r.key != waits.key
		process := r.need.Kind == Process && waits.need.Kind != Process
		if (earlier && r.need.Kind != Divided || process) && slices.Contains(r.need.Groups, group) {
			wanted++
		}
	}
	if waits.need.Kind == Divided {
		return wanted == 0
	}
	return held+wanted < m.limits.Groups[group]
}

func TestModel(t *testing.T) {
	kinds := []Need{
		{}, {Groups: []string{"x"}, Weight: 2}, {Groups: []string{"y"}},
		{Groups: []string{"x", "y"}}, {Kind: Divided, Groups: []string{"x"}},
	}
	states := 0
	all := []Limits{
		{Groups: map[string]int{"x": 1, "y": 1}},
		{Packages: 1, Weight: 2, Groups: map[string]int{"x": 1, "y": 2}},
		{Packages: 3, Weight: 2, Groups: map[string]int{"x": 2, "y": 1}},
	}
	if race.Enabled { // there are no goroutines
		all = all[:1]
	}
	for _, limits := range all {
		for chosen := range choices(len(kinds), 4) {
			m := &model{t: t, limits: limits, needs: make(map[string]Need), inside: make(map[string]string), seen: make(map[string]bool)}
			for i, kind := range chosen {
				name := string(rune('A' + i))
				m.needs[name] = kinds[kind]
				if kinds[kind].Kind == Divided && i == 3 { // one such is enough
					m.needs[name+"1"], m.inside[name+"1"] = Need{Kind: Process, Groups: []string{"x"}}, name
					m.needs[name+"2"], m.inside[name+"2"] = Need{Kind: Process, Weight: 2}, name
				}
			}
			m.explore(state{plan: New[string](limits)})
			states += len(m.seen)
		}
	}
	t.Logf("%d states", states)
}

// choices yields each way to choose k of n kinds, with repetition, once.
func choices(n, k int) func(func([]int) bool) {
	return func(yield func([]int) bool) {
		chosen := make([]int, k)
		for {
			if !yield(chosen) {
				return
			}
			i := k - 1
			for i >= 0 && chosen[i] == n-1 {
				i--
			}
			if i < 0 {
				return
			}
			chosen[i]++
			for j := i + 1; j < k; j++ {
				chosen[j] = chosen[i]
			}
		}
	}
}
