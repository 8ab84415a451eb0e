package main

import (
	"fmt"
	"strings"

	"pgtest/harness/reach"
)

// changed compares finding the packages that changes reach, of 250 that import
// each other, with the go list that this needs.
func (b *bench) changed() error {
	const packages = 250
	files := map[string]string{}
	for i := range packages {
		name := fmt.Sprintf("p%03d", i)
		imports := "\"testing\"\n"
		if i > 0 {
			imports += fmt.Sprintf("\n\t_ \"example.com/m/p%03d\"\n", i/2)
		}
		test := strings.Repeat("// Of some length.\n", 200)
		files[name+"/p.go"] = fmt.Sprintf("package %s\n\nimport (\n\t_ \"net/http\"\n\t%s)\n\nvar _ testing.TB\n", name, imports)
		files[name+"/p_test.go"] = fmt.Sprintf("package %s\n\nimport \"testing\"\n\nconst path = \"../elsewhere\"\n\n%sfunc TestNothing(t *testing.T) {}\n", name, test)
	}
	dir, err := b.module("changed", files)
	if err != nil {
		return err
	}
	for _, words := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-q", "-m", "first"}} {
		if _, err := (command{dir: dir, words: append([]string{"git"}, words...)}).run(); err != nil {
			return err
		}
	}
	for i := range packages { // each is looked at, and reaches nothing
		files[fmt.Sprintf("p%03d/p.go", i)] += "\n// The end.\n"
	}
	if _, err := b.module("changed", files); err != nil {
		return err
	}
	list := command{dir: dir, words: []string{"go", "list", "-e", "-deps", "-test", "-json=" + reach.ListFields, "./..."}}
	peer, ours, err := compare(b.rounds, list, command{dir: dir, words: []string{b.pgtest, "--changed=HEAD", "./..."}})
	if err != nil {
		return err
	}
	b.table.difference("250 packages, beyond go list", peer.wall, ours.wall)
	return nil
}
