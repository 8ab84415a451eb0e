package shard

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// module is a random one: what a plan knows, and what is there when it runs.
type module struct {
	known []Package
	now   map[string][]string // tests by package
}

func randomModule(rnd *rand.Rand) module {
	m := module{now: make(map[string][]string)}
	for n := range rnd.IntN(30) {
		p := Package{Path: fmt.Sprintf("m/p%d", n), Tests: make(map[string]time.Duration)}
		if rnd.IntN(4) > 0 {
			p.Time = time.Duration(rnd.ExpFloat64() * float64(time.Second))
		}
		known, there := rnd.IntN(5) > 0, rnd.IntN(5) > 0
		var tests []string
		for i := range rnd.IntN(12) {
			name := fmt.Sprintf("Test%d", i)
			if rnd.IntN(4) > 0 {
				p.Tests[name] = time.Duration(rnd.ExpFloat64() * float64(time.Second))
			}
			if rnd.IntN(4) > 0 {
				tests = append(tests, name)
			}
		}
		if known {
			m.known = append(m.known, p)
		}
		if there {
			m.now[p.Path] = tests
		}
	}
	return m
}

// runs returns the tests that a part runs of those that are there.
func (p Part) runs(tests []string) []string {
	return slices.DeleteFunc(slices.Clone(tests), func(name string) bool {
		if len(p.Only) > 0 {
			return !slices.Contains(p.Only, name)
		}
		return slices.Contains(p.Except, name)
	})
}

// TestCompleteAndDisjoint divides random modules, of which packages and tests
// come and go between the plan and the run. Each shard may see other packages.
func TestCompleteAndDisjoint(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := randomModule(rnd)
		n := 1 + rnd.IntN(9)
		before := slices.Clone(m.known)
		plan := Divide(m.known, n)
		if !reflect.DeepEqual(m.known, before) {
			t.Fatalf("seed %d: what is known has changed", seed)
		}
		var text bytes.Buffer
		if err := plan.Write(&text); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&text)
		if err != nil || !reflect.DeepEqual(again, plan) {
			t.Fatalf("seed %d: %v: %+v, want %+v", seed, err, again, plan)
		}
		var all []string
		for path := range m.now {
			all = append(all, path)
		}
		slices.Sort(all)
		ran, had := make(map[string]int), make(map[string]int)
		for i := 1; i <= n; i++ {
			rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, part := range plan.Of(i, n, all) {
				if len(part.Only) == 0 {
					had[part.Path]++
				}
				for _, name := range part.runs(m.now[part.Path]) {
					ran[part.Path+" "+name]++
				}
			}
		}
		for path, tests := range m.now {
			if had[path] != 1 {
				t.Errorf("seed %d: what nobody knows of %s is in %d shards", seed, path, had[path])
			}
			for _, name := range tests {
				if ran[path+" "+name] != 1 {
					t.Errorf("seed %d: %s %s ran %d times", seed, path, name, ran[path+" "+name])
				}
			}
		}
	}
}

// TestBalance compares the longest shard with what no division can be below: the
// mean, and the longest test.
func TestBalance(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var packages []Package
		var all, longest time.Duration
		for n := range 250 {
			p := Package{Path: fmt.Sprint("m/p", n), Tests: make(map[string]time.Duration)}
			for i := range 1 + rnd.IntN(30) {
				d := time.Duration(rnd.ExpFloat64()*rnd.ExpFloat64()*100) * time.Millisecond
				p.Tests[fmt.Sprint("Test", i)] = d
				p.Time += d
				longest = max(longest, d)
			}
			if rnd.IntN(50) == 0 { // one that takes as long as many others
				for name := range p.Tests {
					p.Tests[name] *= 30
					longest = max(longest, p.Tests[name])
				}
				p.Time *= 30
			}
			all += p.Time
			packages = append(packages, p)
		}
		const shards = 8
		loads := make(map[int]time.Duration)
		for path, share := range Divide(packages, shards).Packages {
			p := packages[slices.IndexFunc(packages, func(p Package) bool { return p.Path == path })]
			loads[share.Shard] += p.Time
			for name, s := range share.Tests {
				loads[share.Shard] -= p.Tests[name]
				loads[s] += p.Tests[name]
			}
		}
		var most time.Duration
		for _, l := range loads {
			most = max(most, l)
		}
		if best := max(all/shards, longest); float64(most) > 1.10*float64(best) {
			t.Errorf("seed %d: the longest shard takes %v, the best %v", seed, most, best)
		}
	}
}

// TestDivide divides packages whose tests take the same time, or none that is known,
// the same each time.
func TestDivide(t *testing.T) {
	tests := func(n int, took time.Duration) map[string]time.Duration {
		all := make(map[string]time.Duration)
		for i := range n {
			all[fmt.Sprint("Test", i)] = took
		}
		return all
	}
	for name, tt := range map[string]struct {
		packages []Package
		shards   int
		want     []int // tests of each shard
	}{
		"one shard":      {[]Package{{"a", time.Second, tests(4, time.Second)}}, 1, []int{4}},
		"equal tests":    {[]Package{{"a", 4 * time.Second, tests(4, time.Second)}}, 2, []int{2, 2}},
		"no times":       {[]Package{{"a", 4 * time.Second, tests(4, 0)}}, 2, []int{2, 2}},
		"large together": {[]Package{{"a", 4 * time.Second, tests(4, time.Second)}, {"b", 4 * time.Second, tests(4, time.Second)}, {"c", 4 * time.Second, tests(4, time.Second)}}, 2, []int{6, 6}},
		"small":          {[]Package{{"a", 16 * time.Second, tests(16, time.Second)}, {"b", 2 * time.Second, tests(2, time.Second)}}, 2, []int{9, 9}},
		"longer than a shard": {[]Package{{"a", 12 * time.Second, map[string]time.Duration{"Test0": 9 * time.Second, "Test1": time.Second, "Test2": time.Second, "Test3": time.Second}}}, 3,
			[]int{1, 3, 0}},
	} {
		first := Divide(tt.packages, tt.shards)
		for range 20 {
			if again := Divide(tt.packages, tt.shards); !reflect.DeepEqual(again, first) {
				t.Fatalf("%s: %+v, then %+v", name, first, again)
			}
		}
		got := make([]int, tt.shards)
		for _, p := range tt.packages {
			share := first.Packages[p.Path]
			for test := range p.Tests {
				if s, given := share.Tests[test]; given {
					got[s-1]++
				} else {
					got[share.Shard-1]++
				}
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v: %+v", name, got, tt.want, first)
		}
	}
	if share := Divide([]Package{{"a", 16 * time.Second, nil}, {"b", 2 * time.Second, tests(2, time.Second)}}, 2).Packages["b"]; len(share.Tests) > 0 {
		t.Errorf("a small package is divided: %+v", share)
	}
}

// TestOf takes parts of a plan that somebody wrote.
func TestOf(t *testing.T) {
	plan := Plan{Shards: 3, Packages: map[string]Share{
		"own":  {Shard: 1, Tests: map[string]int{"TestA": 1}},
		"both": {Shard: 1, Tests: map[string]int{"TestA": 1, "TestB": 2, "TestC": 2}},
	}}
	for shard, want := range map[int]string{
		1: "[{own [] []} {both [] [TestB TestC]}]",
		2: "[{both [TestB TestC] []}]",
		3: "[]",
	} {
		if got := fmt.Sprint(plan.Of(shard, 3, []string{"own", "both"})); got != want {
			t.Errorf("shard %d: %s, want %s", shard, got, want)
		}
	}
}

// TestManyTests divides a package with more tests than fit into an argument.
func TestManyTests(t *testing.T) {
	p := Package{Path: "m/p", Time: time.Minute, Tests: make(map[string]time.Duration)}
	for n := range 5000 {
		p.Tests[fmt.Sprintf("TestWithALongName%d", n)] = time.Duration(n) * time.Millisecond
	}
	plan := Divide([]Package{p}, 4)
	share := plan.Packages["m/p"]
	if size := sizeOf(share.Tests); size > maxNames || size < maxNames*9/10 || share.Tests["TestWithALongName0"] != 0 {
		t.Errorf("names of %d bytes", size)
	}
	share.Tests[strings.Repeat("x", maxNames)] = 1
	var text bytes.Buffer
	plan.Write(&text)
	if _, err := Read(&text); err == nil || !strings.Contains(err.Error(), "m/p: the names of its tests have") {
		t.Error(err)
	}
}

// TestByName divides packages of which nothing is known about evenly.
func TestByName(t *testing.T) {
	var paths []string
	for n := range 1000 {
		paths = append(paths, fmt.Sprintf("example.com/module/internal/package%d", n))
	}
	for _, n := range []int{2, 3, 8, 16} {
		for i := 1; i <= n; i++ {
			if got, mean := len(Plan{}.Of(i, n, paths)), 1000/n; got < mean/2 || got > 2*mean {
				t.Errorf("shard %d/%d has %d packages of 1000", i, n, got)
			}
		}
	}
}

// TestByNameStays keeps packages in their shards: another version of pgtest on another
// machine has to agree.
func TestByNameStays(t *testing.T) {
	for path, want := range map[string]int{"example.com/m/a": 482, "example.com/m/b": 698, "fmt": 104, "": 459} {
		if got := byName(path, 1000); got != want {
			t.Errorf("%q is in shard %d, want %d", path, got, want)
		}
	}
}

func TestReadPlan(t *testing.T) {
	for text, want := range map[string]string{
		`{"shards":2,"packages":{"a":{"shard":2}}}`: "",
		``:   "no plan",
		`{}`: "has no shards",
		`{"shards":2,"packages":{"a":{"shard":3}}}`:                     "a is for shard 3 of 2",
		`{"shards":2,"packages":{"a":{"shard":1,"tests":{"TestA":0}}}}`: "a is for shard 0 of 2",
		`{"shards":2,"packages":{"a":{}}}`:                              "a is for shard 0 of 2",
		`{"shards":2,"packages":{}} x`:                                  "something follows",
		`{"Action":"start"}`:                                            "no plan",
	} {
		_, err := Read(strings.NewReader(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
