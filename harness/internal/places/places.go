// Package places decides which of the test processes of a run may run now, where
// packages, groups and weights are limited, and gives each a number that no other
// has meanwhile. It is pure: it knows neither processes nor time.
package places

import "slices"

// Limits are those of a run. 0, or no entry, is no limit.
type Limits struct {
	Packages int            // how many run at once
	Weight   int            // the sum of what runs at once
	Groups   map[string]int // how many of a group run at once
}

// A Kind is what asks for a place.
type Kind int

const (
	// Package is a package whose tests run in one process.
	Package Kind = iota
	// Divided is a package whose processes ask for places of their own once it has
	// its place. Its groups and weight are theirs: it holds none.
	Divided
	// Process is a process of a divided package.
	Process
)

// A Need is what has to be free for one that asks.
type Need struct {
	Kind   Kind
	Groups []string
	Weight int // less than 1 is 1; more than the limit is all of it
}

// A Grant is a place that its owner has until it is released.
type Grant[K comparable] struct {
	Key K
	// Slot is a number from 0 that no other holder has: the smallest.
	Slot int
	// GroupSlot is the same among the holders that it shares a group with, -1 without
	// groups.
	GroupSlot int
}

// A Plan hands out places. Each method returns what is granted by it.
//
// Requests wait in the order in which they came. A place in a group goes to the
// request that asked for the group first. While a request waits for a group, later
// ones may be granted before it; once its groups are free, none is until it has its
// place. Requests of processes are granted before those of packages, because a
// package keeps its place until its processes have run. So there is always something
// that runs or may run, and no request waits for longer than what came before it
// takes.
type Plan[K comparable] struct {
	limits  Limits
	waiting []request[K]
	held    []holder[K] // in the order of the grants
}

type request[K comparable] struct {
	key  K
	need Need
}

type holder[K comparable] struct {
	Grant[K]
	need Need
}

// New returns a plan in which nobody has a place.
func New[K comparable](l Limits) *Plan[K] { return &Plan[K]{limits: l} }

// Ask adds a request. The key must be new.
func (p *Plan[K]) Ask(key K, n Need) []Grant[K] {
	n.Weight = max(n.Weight, 1)
	if p.limits.Weight > 0 {
		n.Weight = min(n.Weight, p.limits.Weight)
	}
	p.waiting = append(p.waiting, request[K]{key, n})
	return p.grant()
}

// Release takes back the places of keys, or their requests.
func (p *Plan[K]) Release(is func(K) bool) []Grant[K] {
	p.waiting = slices.DeleteFunc(p.waiting, func(r request[K]) bool { return is(r.key) })
	p.held = slices.DeleteFunc(p.held, func(h holder[K]) bool { return is(h.Key) })
	return p.grant()
}

// FreeSlot takes back the number of a holder that keeps its place.
func (p *Plan[K]) FreeSlot(key K) {
	for i := range p.held {
		if p.held[i].Key == key {
			p.held[i].Slot = none
		}
	}
}

// none is the number of one that has none.
const none = -1

// Lacks returns the groups that a waiting one waits for, in its order. There are
// none if it waits for a place among the packages, or for weight.
func (p *Plan[K]) Lacks(key K) []string {
	for _, r := range p.waiting {
		if r.key == key {
			taken := p.used()
			return slices.DeleteFunc(slices.Clone(r.need.Groups), func(g string) bool { return p.hasRoom(g, taken.groups[g]) })
		}
	}
	return nil
}

// use is what is taken or spoken for.
type use struct {
	packages, weight int
	groups           map[string]int
}

func (u *use) addGroups(n Need) {
	for _, g := range n.Groups {
		u.groups[g]++
	}
}

func (u *use) addRest(n Need) {
	if n.Kind != Process {
		u.packages++
	}
	if n.Kind != Divided {
		u.weight += n.Weight
	}
}

// used is what the holders have.
func (p *Plan[K]) used() use {
	u := use{groups: make(map[string]int)}
	for _, h := range p.held {
		u.addRest(h.need)
		if h.need.Kind != Divided {
			u.addGroups(h.need)
		}
	}
	return u
}

func (p *Plan[K]) grant() []Grant[K] {
	if len(p.waiting) == 0 {
		return nil
	}
	var granted []Grant[K]
	taken := p.used()
	wanted := use{groups: make(map[string]int)} // by those who still wait
	for _, kinds := range [][]Kind{{Process}, {Package, Divided}} {
		p.waiting = slices.DeleteFunc(p.waiting, func(r request[K]) bool {
			if !slices.Contains(kinds, r.need.Kind) {
				return false
			}
			groups := p.hasGroups(taken, wanted, r.need)
			if groups && p.hasRest(taken, wanted, r.need) {
				granted = append(granted, p.hold(r))
				taken.addRest(r.need)
				if r.need.Kind != Divided {
					taken.addGroups(r.need)
				}
				return true
			}
			if r.need.Kind != Divided {
				wanted.addGroups(r.need)
			}
			if groups {
				wanted.addRest(r.need)
			}
			return false
		})
	}
	return granted
}

// hasGroups reports whether the groups of a need are free for it. A divided
// package takes none of them, but may not begin to ask before those who wait.
func (p *Plan[K]) hasGroups(taken, wanted use, n Need) bool {
	for _, g := range n.Groups {
		if n.Kind == Divided && wanted.groups[g] > 0 || n.Kind != Divided && !p.hasRoom(g, taken.groups[g]+wanted.groups[g]) {
			return false
		}
	}
	return true
}

// hasRoom reports whether a group has room beside so many.
func (p *Plan[K]) hasRoom(group string, beside int) bool {
	limit := p.limits.Groups[group]
	return limit == 0 || beside < limit
}

func (p *Plan[K]) hasRest(taken, wanted use, n Need) bool {
	if n.Kind != Process && p.limits.Packages > 0 && taken.packages >= p.limits.Packages {
		return false
	}
	if n.Kind == Divided {
		return wanted.weight == 0
	}
	return p.limits.Weight == 0 || taken.weight+wanted.weight+n.Weight <= p.limits.Weight
}

// hold makes a request that of a holder.
func (p *Plan[K]) hold(r request[K]) Grant[K] {
	slots, groupSlots := make(map[int]bool), make(map[int]bool)
	for _, h := range p.held {
		slots[h.Slot] = true
		if shares(h.need, r.need) {
			groupSlots[h.GroupSlot] = true
		}
	}
	g := Grant[K]{Key: r.key, Slot: smallest(slots), GroupSlot: none}
	if len(r.need.Groups) > 0 && r.need.Kind != Divided {
		g.GroupSlot = smallest(groupSlots)
	}
	p.held = append(p.held, holder[K]{g, r.need})
	return g
}

func shares(a, b Need) bool {
	return slices.ContainsFunc(a.Groups, func(g string) bool { return slices.Contains(b.Groups, g) })
}

// smallest returns the smallest number from 0 that is not in the set.
func smallest(set map[int]bool) int {
	n := 0
	for set[n] {
		n++
	}
	return n
}
