package main

import "fmt"

// order compares runs of ten packages of which the last takes as long as the
// others together, two at a time: pgtest knows from the run before.
func (b *bench) order() error {
	files := map[string]string{}
	for i := range 10 {
		name, tenths := fmt.Sprintf("p%d", i), 3
		if i == 9 {
			tenths *= 9
		}
		files[name+"/p_test.go"] = fmt.Sprintf("package %s\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSleep(t *testing.T) { time.Sleep(%d * time.Second / 10) }\n", name, tenths)
	}
	dir, err := b.module("order", files)
	if err != nil {
		return err
	}
	run := func(program ...string) command {
		return command{dir: dir, words: append(program, "-count=1", "-p=2", "./...")}
	}
	if _, err := run(b.pgtest).run(); err != nil {
		return err
	}
	const name = "the last package as long as nine others"
	for _, peer := range []struct {
		more  string
		words []string
	}{{"", []string{"go", "test"}}, {", than with --order=source", []string{b.pgtest, "--order=source"}}} {
		theirs, cost, err := compare(min(b.rounds, 3), run(peer.words...), run(b.pgtest))
		if err != nil {
			return err
		}
		b.table.ratio(name+peer.more, "", theirs, cost)
	}
	return nil
}
