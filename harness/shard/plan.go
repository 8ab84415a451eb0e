// Package shard divides a run among machines: which packages and tests are
// whose. Each has everything in exactly one part, whatever a machine knows of the
// others: what a plan does not name goes by its name alone. It starts nothing.
package shard

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Plan says which shard has what. Shards that use the same plan divide the same
// run. The zero Plan names nothing.
type Plan struct {
	// Shards is how many there are.
	Shards int `json:"shards"`
	// Commit is the revision that the plan was made at, "" if it is unknown.
	Commit string `json:"commit,omitempty"`
	// Packages are by import path.
	Packages map[string]Share `json:"packages"`
}

// A Share says who has a package. Shards are counted from 1.
type Share struct {
	// Shard has the package, but for Tests.
	Shard int `json:"shard"`
	// Tests are top-level tests that another shard has.
	Tests map[string]int `json:"tests,omitempty"`
}

// A Part is what a shard has of a package: all of it, or just some tests, or all
// but some.
type Part struct {
	Path string
	// Only are top-level tests. If there are none, it is all tests but Except.
	Only, Except []string
}

// Whole reports whether nothing of the package is another shard's.
func (p Part) Whole() bool { return len(p.Only) == 0 && len(p.Except) == 0 }

// Of returns the parts of a shard, counted from 1, of packages, in their order.
// Parts that hold nothing are left out. total is the number of shards.
func (p Plan) Of(shard, total int, packages []string) []Part {
	var parts []Part
	for _, path := range packages {
		share, planned := p.Packages[path]
		if !planned {
			share.Shard = byName(path, total)
		}
		part := Part{Path: path}
		for test, of := range share.Tests {
			switch {
			case of == share.Shard:
			case share.Shard == shard:
				part.Except = append(part.Except, test)
			case of == shard:
				part.Only = append(part.Only, test)
			}
		}
		if share.Shard == shard || len(part.Only) > 0 {
			slices.Sort(part.Only)
			slices.Sort(part.Except)
			parts = append(parts, part)
		}
	}
	return parts
}

// byName is the shard of a package of which only the name is known.
func byName(path string, total int) int {
	h := fnv.New64a()
	io.WriteString(h, path)
	x := h.Sum64()
	x ^= x >> 33 // FNV's low bits alone depend on few of a name's
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x%uint64(total)) + 1
}

// A Package is what is known of a package.
type Package struct {
	Path string
	// Time is how long its tests take together; 0 is unknown.
	Time time.Duration
	// Tests are how long its top-level tests take, by name. They may run side by
	// side, so that their sum exceeds Time.
	Tests map[string]time.Duration
}

// Divide makes a plan in which all shards take as long, as far as is known. What
// has no time gets the mean of the others. A package that is a large part of what
// a shard has is divided by its tests.
func Divide(packages []Package, shards int) Plan {
	plan := Plan{Shards: shards, Packages: make(map[string]Share)}
	packages = slices.Clone(packages)
	var all, known time.Duration
	for _, p := range packages {
		if p.Time > 0 {
			all, known = all+p.Time, known+1
		}
	}
	for i := range packages {
		if packages[i].Time <= 0 {
			packages[i].Time = max(all/max(known, 1), 1)
		}
	}
	slices.SortFunc(packages, func(a, b Package) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.Path, b.Path))
	})
	all = 0
	for _, p := range packages {
		all += p.Time
	}
	loads := make([]time.Duration, shards)
	target := all / time.Duration(shards)
	for _, p := range packages {
		if p.Time > target/large && len(p.Tests) > 1 {
			plan.Packages[p.Path] = divide(p, loads, target)
			continue
		}
		least := leastOf(loads)
		loads[least] += p.Time
		plan.Packages[p.Path] = Share{Shard: least + 1}
	}
	return plan
}

// large is the part of a shard's time from which a package is divided: it is
// then built by each shard that has some of its tests.
const large = 4

// maxNames is how many bytes of names of a package's tests may be given away:
// they have to fit into an argument of the test binary.
const maxNames = 24 << 10

func sizeOf(tests map[string]int) (size int) {
	for name := range tests {
		size += len(name)
	}
	return size
}

// leastOf returns the first of those with the least load.
func leastOf(loads []time.Duration) int { return slices.Index(loads, slices.Min(loads)) }

// divide fills one shard after another with a package's tests, the longest
// first, and adds them to the loads. The shard that got the most keeps what
// nobody knows of.
func divide(p Package, loads []time.Duration, target time.Duration) Share {
	names := slices.SortedFunc(maps.Keys(p.Tests), func(a, b string) int {
		return cmp.Or(cmp.Compare(p.Tests[b], p.Tests[a]), strings.Compare(a, b))
	})
	var sum time.Duration
	for _, t := range p.Tests {
		sum += t
	}
	weigh := func(t time.Duration) time.Duration {
		if sum == 0 {
			return p.Time / time.Duration(len(names))
		}
		return time.Duration(float64(t) / float64(sum) * float64(p.Time))
	}
	tests, got := make(map[string]int), make(map[int]time.Duration)
	shard := leastOf(loads)
	for _, name := range names {
		w := weigh(p.Tests[name])
		if loads[shard]+w > target {
			shard = leastOf(loads)
		}
		loads[shard] += w
		tests[name] = shard + 1
		got[shard+1] += w
	}
	rest := tests[names[0]]
	for s := range len(loads) { // in order: the same times make the same plan
		if got[s+1] > got[rest] {
			rest = s + 1
		}
	}
	maps.DeleteFunc(tests, func(_ string, s int) bool { return s == rest })
	for size := sizeOf(tests); size > maxNames && len(names) > 0; names = names[:len(names)-1] {
		last := names[len(names)-1] // it takes least
		if s, given := tests[last]; given {
			w := weigh(p.Tests[last])
			loads[s-1], loads[rest-1] = loads[s-1]-w, loads[rest-1]+w
			size -= len(last)
			delete(tests, last)
		}
	}
	if len(tests) == 0 {
		tests = nil
	}
	return Share{Shard: rest, Tests: tests}
}

// Sum tells plans apart.
func (p Plan) Sum() string {
	h := sha256.New()
	p.Write(h)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Write writes the plan as JSON, the same for the same plan.
func (p Plan) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(p)
}

// Read reads a plan. The error says what is wrong with it.
func Read(r io.Reader) (Plan, error) {
	var p Plan
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Plan{}, fmt.Errorf("no plan of pgtest tool plan: %w", err)
	}
	if d.More() {
		return Plan{}, errors.New("no plan of pgtest tool plan: something follows it")
	}
	if p.Shards < 1 {
		return Plan{}, errors.New("no plan of pgtest tool plan: it has no shards")
	}
	for path, share := range p.Packages {
		for _, s := range append(slices.Collect(maps.Values(share.Tests)), share.Shard) {
			if s < 1 || s > p.Shards {
				return Plan{}, fmt.Errorf("%s is for shard %d of %d", path, s, p.Shards)
			}
		}
		if size := sizeOf(share.Tests); size > maxNames {
			return Plan{}, fmt.Errorf("%s: the names of its tests have %d bytes, more than %d", path, size, maxNames)
		}
	}
	return p, nil
}
