package shard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Place is which part of a run this machine has. The zero Place is none.
type Place struct {
	Index int // from 1
	Total int
	// From is what said so: the name of a system, or "" for the flag.
	From string
	// Auto says that Find has to find the index, and the total if it is 0.
	Auto bool
}

// None reports whether the run is not divided.
func (p Place) None() bool { return p == Place{} }

// String returns the place as the flag takes it.
func (p Place) String() string { return fmt.Sprintf("%d/%d", p.Index, p.Total) }

// A system says in its variables which of several jobs runs.
type system struct {
	name string
	// index and total are variables. Without a total the flag has to give it.
	index, total string
	// first is the index of the first job.
	first int
	// read replaces index, total and first where there is more to it.
	read func(get func(string) string) (index, total int, err error)
}

// systems are in the order of docs/scale.md, which names the source of each row.
var systems = []system{
	{name: "GitLab", index: "CI_NODE_INDEX", total: "CI_NODE_TOTAL", first: 1},
	{name: "CircleCI", index: "CIRCLE_NODE_INDEX", total: "CIRCLE_NODE_TOTAL"},
	{name: "Buildkite", index: "BUILDKITE_PARALLEL_JOB", total: "BUILDKITE_PARALLEL_JOB_COUNT"},
	{name: "Semaphore", index: "SEMAPHORE_JOB_INDEX", total: "SEMAPHORE_JOB_COUNT", first: 1},
	{name: "Azure Pipelines", index: "SYSTEM_JOBPOSITIONINPHASE", total: "SYSTEM_TOTALJOBSINPHASE", first: 1},
	{name: "Bitbucket", index: "BITBUCKET_PARALLEL_STEP", total: "BITBUCKET_PARALLEL_STEP_COUNT"},
	{name: "Bazel", index: "TEST_SHARD_INDEX", total: "TEST_TOTAL_SHARDS"},
	{name: "AWS Batch", index: "AWS_BATCH_JOB_ARRAY_INDEX", total: "AWS_BATCH_JOB_ARRAY_SIZE"},
	{name: "Google Batch", index: "BATCH_TASK_INDEX", total: "BATCH_TASK_COUNT"},
	{name: "Cloud Run", index: "CLOUD_RUN_TASK_INDEX", total: "CLOUD_RUN_TASK_COUNT"},
	{name: "Kubernetes", index: "JOB_COMPLETION_INDEX"},
	{name: "Slurm", index: "SLURM_ARRAY_TASK_ID", read: slurm},
	{name: "Nomad", index: "NOMAD_ALLOC_INDEX"},
}

// Parse reads the value of the flag: i/n, auto, or auto/n where the system does
// not say how many there are. The error is one line without the flag's name.
func Parse(value string) (Place, error) {
	part, of, divided := strings.Cut(value, "/")
	total := 0
	if divided {
		var err error
		if total, err = strconv.Atoi(of); err != nil || total < 1 {
			return Place{}, fmt.Errorf("bad value %q: the number of shards must be 1 or more", value)
		}
	}
	if part == "auto" {
		return Place{Total: total, Auto: true}, nil
	}
	i, err := strconv.Atoi(part)
	switch {
	case err != nil || !divided:
		return Place{}, fmt.Errorf("bad value %q: want i/n, auto or auto/n", value)
	case i < 1 || i > total:
		return Place{}, fmt.Errorf("bad value %q: shards are counted from 1 to %d", value, total)
	}
	return Place{Index: i, Total: total}, nil
}

// Find returns the place that the environment says, or p itself if it needs nothing
// from there. get returns variables. Where several systems answer they have to agree: a
// wrong choice would leave tests out. The error is one line without the flag's name.
func (p Place) Find(get func(string) string) (Place, error) {
	if !p.Auto {
		return p, nil
	}
	total := p.Total
	var found []Place
	var without []string
	for _, s := range systems {
		p, ok, err := s.place(total, get)
		switch {
		case err != nil:
			return Place{}, fmt.Errorf("auto: %s: %w", s.name, err)
		case !ok:
		case p.Total == 0:
			without = append(without, s.name)
		default:
			found = append(found, p)
		}
	}
	for _, p := range found {
		if p.Index != found[0].Index || p.Total != found[0].Total {
			return Place{}, fmt.Errorf("auto: %s says %v, and %s %v; give i/n", found[0].From, found[0], p.From, p)
		}
	}
	switch {
	case len(found) > 0 && len(without) == 0, len(found) > 0 && total == 0:
		return found[0], nil
	case len(without) > 0:
		return Place{}, fmt.Errorf("auto: %s does not say how many there are; give auto/n", without[0])
	}
	return Place{}, errors.New("auto: no variable of a system that is known says which shard this is; give i/n, see docs/scale.md")
}

// place returns the place that a system tells of. With a total of 0 it did not
// say how many there are.
func (s system) place(total int, get func(string) string) (Place, bool, error) {
	text := get(s.index)
	if text == "" {
		// GitLab says 1 job, and no index, where there is nothing to divide.
		if s.total == "" || get(s.total) != "1" {
			return Place{}, false, nil
		}
		text = strconv.Itoa(s.first)
	}
	var index, of int
	var err error
	switch {
	case s.read != nil:
		index, of, err = s.read(get)
	default:
		if index, err = number(s.index, text); err == nil && s.total != "" && get(s.total) != "" {
			of, err = number(s.total, get(s.total))
		}
		index -= s.first
	}
	switch {
	case err != nil:
		return Place{}, false, err
	case total > 0 && of > 0 && of != total:
		return Place{}, false, fmt.Errorf("there are %d jobs, not %d", of, total)
	case of == 0:
		of = total
	}
	if of > 0 && (index < 0 || index >= of) {
		return Place{}, false, fmt.Errorf("%s is %s, of %d jobs", s.index, text, of)
	}
	return Place{Index: index + 1, Total: of, From: s.name}, true, nil
}

func number(variable, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s is %q, which is no number", variable, text)
	}
	return n, nil
}

// slurm reads an array with any first index and any step. Of a list of indices,
// such as 1,2,7, Slurm does not say which place one has.
func slurm(get func(string) string) (index, total int, err error) {
	var n [5]int
	for i, suffix := range []string{"ID", "MIN", "MAX", "STEP", "COUNT"} {
		name := "SLURM_ARRAY_TASK_" + suffix
		text := get(name)
		if text == "" && suffix == "STEP" {
			text = "1"
		}
		if n[i], err = number(name, text); err != nil {
			return 0, 0, err
		}
	}
	id, first, last, step, count := n[0], n[1], n[2], n[3], n[4]
	if step < 1 || count != (last-first)/step+1 || (id-first)%step != 0 {
		return 0, 0, errors.New("the array's indices do not follow one another; give i/n")
	}
	return (id - first) / step, count, nil
}
