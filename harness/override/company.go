package override

import "slices"

// A Company is what limits beside what a process may run.
type Company struct {
	Groups []string // in the order of their first use
	Weight int      // the largest, 0 if none is set
}

// Company returns that of a process for tests of a package, given by the names of
// tests that are no subtests. With whole it runs what else the package has, too.
// Subtests count for the process, which runs them as well.
func (rules Rules) Company(path string, whole bool, tests []string) Company {
	var c Company
	if whole {
		c.add(rules.Package(path))
	}
	for _, test := range tests {
		c.add(rules.Test(path, test))
		for _, r := range rules {
			if r.matches(path) && r.tests.Touches(test) && !r.tests.Covers(test) {
				c.add(r.Settings)
			}
		}
	}
	return c
}

func (c *Company) add(s Settings) {
	if group := s.Group.Is; group != "" && !slices.Contains(c.Groups, group) {
		c.Groups = append(c.Groups, group)
	}
	c.Weight = max(c.Weight, s.Weight.Is)
}

// Limit reports whether any of the rules says something about the company of tests,
// and whether one has a weight.
func (rules Rules) Limit() (any, weight bool) {
	for _, r := range rules {
		weight = weight || r.Weight.Set()
		any = any || weight || r.Group.Set()
	}
	return any, weight
}
