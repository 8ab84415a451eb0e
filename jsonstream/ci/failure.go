package ci

import (
	"cmp"
	"iter"
	"time"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

// A failure is a test that did not pass, or a package that failed without one.
type failure struct {
	p       *result.Package
	t       *result.Test // nil for the package
	end     result.End
	why     string
	elapsed time.Duration
}

// name is the test's, or else the package's.
func (f failure) name() string {
	if f.t == nil {
		return f.p.Path
	}
	return f.t.Name
}

// title names the failure in a line.
func (f failure) title() string {
	if f.t == nil {
		return f.p.Path
	}
	return f.t.Name + " (" + f.p.Path + ")"
}

// output is what explains the failure, without the lines that frame it.
func (f failure) output() iter.Seq[[]byte] {
	all, name := f.p.Explanation(), ""
	if f.t != nil {
		all, name = f.t.Output(), f.t.Name
	}
	return func(yield func([]byte) bool) {
		for line := range all {
			if !result.Framing(line, name) && !yield(line) {
				return
			}
		}
	}
}

// outcome is what did not pass in a run, each test once: the last failure of
// those that failed, and the first of those that are flaky.
type outcome struct{ failed, flaky, interrupted []failure }

func outcomeOf(r *result.Results) outcome {
	var o outcome
	at := make(map[[2]string]int) // in failed, by package and test
	seen := make(map[[2]string]bool)
	add := func(f failure, flaky bool) {
		key := [2]string{f.p.Path, ""}
		if f.t != nil {
			key[1] = f.t.Name
		}
		i, known := at[key]
		switch {
		case flaky && seen[key]:
		case flaky:
			seen[key] = true
			o.flaky = append(o.flaky, f)
		case known && o.failed[i].p != f.p:
			o.failed[i] = f
		default:
			at[key] = len(o.failed)
			o.failed = append(o.failed, f)
		}
	}
	for _, p := range r.Packages() {
		death := p.Death()
		for _, t := range p.Failed {
			end, why := t.Why(death)
			add(failure{p, t, end, why, t.Elapsed}, t.Flaky())
		}
		o.interrupted = append(o.interrupted, interrupted(p)...)
		for _, f := range alone(p, death) {
			add(f, p.Flaky())
		}
	}
	return o
}

// interrupted returns what was running when the run was ended.
func interrupted(p *result.Package) []failure {
	var all []failure
	for _, t := range p.Interrupted {
		all = append(all, failure{p, t, t.End(), p.Interruption().After(t.Elapsed), t.Elapsed})
	}
	if p.End() == result.Interrupted && len(all) == 0 {
		all = append(all, failure{p, nil, p.End(), "interrupted by " + p.Interruption().Reason, p.Elapsed})
	}
	return all
}

// alone returns the failure of a package of which no test tells, if there is one.
func alone(p *result.Package, death result.Death) []failure {
	switch end := p.End(); {
	case !end.Failed() || len(p.Failed)+len(p.Interrupted) > 0:
		return nil
	case end == result.NoEnd:
		return []failure{{p, nil, end, "the package has no end", p.Elapsed}}
	}
	return []failure{{p, nil, death.End, death.Message, p.Elapsed}}
}

// place is where the failure happened: the first line of the repository that the
// output names from the reason on, or else the test function.
func (f failure) place(l sink.Places) sink.Place {
	if f.t == nil {
		return sink.First(l, cmp.Or(f.p.FailedBuild, f.p.Path), f.p.Positions())
	}
	p := sink.First(l, f.p.Path, f.t.Positions())
	if p.File == "" && l != nil {
		p = l.Test(f.p.Path, f.t.Name)
	}
	return p
}
