package watch

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"pgtest/harness/internal/pattern"
)

// keys are what a user can type, as ? shows it.
const keys = `
    r  run the last tests again
    a  run the tests of all packages (./...)
    f  run the tests that failed
    p  ask for a pattern for -run, for this run and all that follow
    u  run the last tests with -update, for golden files
    d  debug the tests that failed, with dlv
    l  look for new packages and directories
    q  quit
    t  say what is running
    ?  print this
    Ctrl-c  stop a run, or quit

`

// Key takes a key.
func (p *Plan) Key(key byte) []Step {
	switch {
	case p.asking:
		return p.typeKey(key)
	case p.graph == nil && key != 'q' && key != '?':
		return nil
	}
	switch key {
	case 'r':
		return p.ask(func() []Step { return p.start(p.again()) })
	case 'a':
		if p.opts.Chdir {
			p.takeAll()
			return p.proceed()
		}
		all := append(slices.Clone(p.opts.Named), "./...")
		slices.Sort(all)
		return p.ask(func() []Step { return p.start(Run{Packages: slices.Compact(all), Pattern: p.pattern}) })
	case 'f':
		return p.ask(p.rerunFailed)
	case 'u':
		return p.ask(func() []Step {
			run := p.again()
			run.Update = true
			return p.start(run)
		})
	case 'd':
		return p.ask(p.debug)
	case 't':
		return []Step{{Verb: Report}}
	case 'l':
		p.stale, p.tell = true, true
		return p.proceed()
	case 'p':
		p.asking, p.typed = true, nil
		return []Step{say("Pattern for -run, none for all tests: ")}
	case 'q':
		p.quit = true
		return p.proceed()
	case '?':
		return []Step{say("%s", keys)}
	case '\n', '\r':
		return []Step{say("\n")}
	}
	return nil
}

// ask plans what the user asks for, in place of all else. It is decided when the
// present run has ended: f then knows what failed in it.
func (p *Plan) ask(next func() []Step) []Step {
	p.next, p.todo = next, nil
	return p.proceed()
}

// again is the last run, or else one of what the command line names.
func (p *Plan) again() Run {
	if p.last == nil {
		return Run{Pattern: p.pattern}
	}
	return *p.last
}

// failedPackages are the packages with failures, those of the last run in its
// order first.
func (p *Plan) failedPackages() []string {
	var all []string
	for pkg := range p.failed {
		all = append(all, pkg)
	}
	slices.Sort(all)
	if p.last == nil {
		return all
	}
	first := slices.DeleteFunc(slices.Clone(p.last.Packages), func(pkg string) bool { return !p.hasFailed(pkg) })
	return append(first, without(all, first)...)
}

func (p *Plan) rerunFailed() []Step {
	run := Run{Packages: p.failedPackages()}
	if len(run.Packages) == 0 {
		return []Step{say("No test has failed.\n")}
	}
	var patterns []string
	for _, pkg := range run.Packages {
		one := failedPattern(p.failed[pkg])
		if one == "" {
			patterns = nil // the whole package failed, so all of its tests run
			break
		}
		patterns = append(patterns, one)
	}
	slices.Sort(patterns)
	run.Pattern = strings.Join(slices.Compact(patterns), "|")
	if p.opts.Chdir {
		run.Dir = p.graph.Package(run.Packages[0]).Dir
	}
	return p.start(run)
}

// leaves returns the tests without those of which a subtest is one of them.
func leaves(tests []string) []string {
	return slices.DeleteFunc(slices.Clone(tests), func(test string) bool {
		return slices.ContainsFunc(tests, func(other string) bool { return strings.HasPrefix(other, test+"/") })
	})
}

// failedPattern matches the leaves alone.
func failedPattern(tests []string) string {
	exact := leaves(tests)
	for i, test := range exact {
		exact[i] = pattern.Exact(test)
	}
	slices.Sort(exact)
	return strings.Join(exact, "|")
}

// debug plans the debugger for a package with failures, or else the first of the
// last run.
func (p *Plan) debug() []Step {
	pkgs := p.failedPackages()
	if len(pkgs) == 0 && p.last != nil {
		pkgs = slices.DeleteFunc(slices.Clone(p.last.Packages), func(pkg string) bool { return p.graph.Package(pkg) == nil })
	}
	if len(pkgs) == 0 || p.graph.Package(pkgs[0]) == nil {
		return []Step{say("No test has failed.\n")}
	}
	p.phase = debugging
	return []Step{{
		Verb: Debug, Run: Run{Dir: p.graph.Package(pkgs[0]).Dir, Packages: pkgs[:1]}, Tests: leaves(p.failed[pkgs[0]]),
	}}
}

// typeKey takes a key of the answer that is asked for.
func (p *Plan) typeKey(key byte) []Step {
	const escape, backspace, delete, clear = 0x1b, 0x08, 0x7f, 0x15
	switch {
	case key == '\n' || key == '\r':
		return p.answered(string(p.typed), true)
	case key == escape:
		return p.answered("", false)
	case (key == backspace || key == delete) && len(p.typed) > 0:
		_, size := utf8.DecodeLastRune(p.typed)
		p.typed = p.typed[:len(p.typed)-size]
		return []Step{say("\b \b")}
	case key == clear:
		steps := []Step{say("%s", strings.Repeat("\b \b", utf8.RuneCount(p.typed)))}
		p.typed = nil
		return steps
	case key < ' ', key == delete:
		return nil
	}
	p.typed = append(p.typed, key)
	return []Step{say("%s", []byte{key})}
}

// answered takes the answer. With ok it is the pattern of this run and all that
// follow.
func (p *Plan) answered(text string, ok bool) []Step {
	p.asking = false
	steps := []Step{say("\n")}
	if _, err := regexp.Compile(text); ok && err != nil {
		steps, ok = append(steps, say("pgtest: p: %v\n", err)), false
	}
	if !ok {
		return append(steps, p.proceed()...)
	}
	p.pattern = text
	return append(steps, p.ask(func() []Step {
		run := p.again()
		run.Pattern = text
		return p.start(run)
	})...)
}
