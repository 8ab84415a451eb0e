package result

import (
	"iter"
	"time"
)

// A Failure is a test that did not pass, or a package that failed without one.
type Failure struct {
	Package *Package
	Test    *Test // nil for the package
	End     End
	Why     string
	Elapsed time.Duration
}

// Name is the test's, or else the package's.
func (f Failure) Name() string {
	if f.Test == nil {
		return f.Package.Path
	}
	return f.Test.Name
}

// TestName is the test's name, "" for the package.
func (f Failure) TestName() string {
	if f.Test == nil {
		return ""
	}
	return f.Test.Name
}

// Title names the failure in a line.
func (f Failure) Title() string {
	if f.Test == nil {
		return f.Package.Path
	}
	return f.Test.Name + " (" + f.Package.Path + ")"
}

// Output is what explains the failure, without the lines that frame it.
func (f Failure) Output() iter.Seq[[]byte] {
	all, name := f.Package.Explanation(), ""
	if f.Test != nil {
		all, name = f.Test.Output(), f.Test.Name
	}
	return unframed(all, name)
}

// unframed leaves out the lines that frame the output of a test.
func unframed(output iter.Seq[[]byte], name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range output {
			if !Framing(line, name) && !yield(line) {
				return
			}
		}
	}
}

// An Outcome is what did not pass in a run, each test once: the last failure of
// those that failed, and the first of those that are flaky.
type Outcome struct{ Failed, Flaky, Interrupted []Failure }

// Outcome is called when everything has its end.
func (r *Results) Outcome() Outcome {
	var o Outcome
	at := make(map[[2]string]int) // in Failed, by package and test
	seen := make(map[[2]string]bool)
	add := func(f Failure, flaky bool) {
		key := [2]string{f.Package.Path, ""}
		if f.Test != nil {
			key[1] = f.Test.Name
		}
		i, known := at[key]
		switch {
		case flaky && seen[key]:
		case flaky:
			seen[key] = true
			o.Flaky = append(o.Flaky, f)
		case known && o.Failed[i].Package != f.Package:
			o.Failed[i] = f
		default:
			at[key] = len(o.Failed)
			o.Failed = append(o.Failed, f)
		}
	}
	for _, p := range r.Packages() {
		death := p.Death()
		for _, t := range p.Failed {
			end, why := t.Why(death)
			add(Failure{p, t, end, why, t.Elapsed}, t.Flaky())
		}
		o.Interrupted = append(o.Interrupted, p.interrupted()...)
		for _, f := range p.alone(death) {
			add(f, p.Flaky())
		}
	}
	return o
}

// Alone returns what did not pass of a package without a failed test that tells
// of it: what was interrupted, and the package itself.
func (p *Package) Alone(death Death) []Failure { return append(p.interrupted(), p.alone(death)...) }

// interrupted returns what was running when the run was ended.
func (p *Package) interrupted() []Failure {
	var all []Failure
	for _, t := range p.Interrupted {
		all = append(all, Failure{p, t, t.End(), p.Interruption().After(t.Elapsed), t.Elapsed})
	}
	if p.End() == Interrupted && len(all) == 0 {
		all = append(all, Failure{p, nil, p.End(), "interrupted by " + p.Interruption().Reason, p.Elapsed})
	}
	return all
}

// alone returns the failure of a package of which no test tells, if there is one.
func (p *Package) alone(death Death) []Failure {
	switch end := p.End(); {
	case !end.Failed() || len(p.Failed)+len(p.Interrupted) > 0:
		return nil
	case end == NoEnd:
		return []Failure{{p, nil, end, "the package has no end", p.Elapsed}}
	}
	return []Failure{{p, nil, death.End, death.Message, p.Elapsed}}
}
