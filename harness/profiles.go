package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pgtest/harness/coverage"
	"pgtest/harness/gotest"
	"pgtest/harness/outfile"
	"pgtest/jsonstream/result"
)

// profiles are the coverage profiles of an invocation's rounds. A nil profiles
// stands for none.
type profiles struct {
	target string      // the user's, "" for none
	before fs.FileInfo // of what stood there
	own    string      // in the run's directory, which later rounds write
	next   string      // what the present round writes; "" if it is taken

	all     coverage.Profile // of the rounds that are taken
	rewrite bool             // target has other blocks
	unread  bool             // not all of it could be read
}

// newProfiles returns the profiles of an invocation, and makes go test write one
// if Config.Coverage wants it. What is no regular file can't be read: such a
// -coverprofile is left to go test.
func (i *invocation) newProfiles() *profiles {
	if len(i.cfg.Command) > 0 || i.cfg.Input != nil {
		return nil
	}
	line := gotest.Parse(i.cfg.Args)
	set := line.Settings()
	own := filepath.Join(i.listener.Dir(), "cover.out")
	if set.CoverProfile == "" {
		if i.cfg.Coverage == nil {
			return nil
		}
		i.cfg.Args = line.With("coverprofile", own).Words()
		return &profiles{own: own, next: own}
	}
	target := set.CoverProfile
	for _, dir := range []string{set.OutputDir, i.cfg.Dir} {
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
	}
	before, err := os.Stat(target)
	if err == nil && !before.Mode().IsRegular() {
		return nil
	}
	return &profiles{target: target, before: before, own: own, next: target}
}

// again returns the file for the profile of another round, "" for none.
func (p *profiles) again() string {
	if p == nil {
		return ""
	}
	p.next = p.own
	return p.own
}

// take adds the profile of the round that has ended. A round without a profile
// adds nothing.
func (p *profiles) take() error {
	if p == nil || p.next == "" {
		return nil
	}
	path := p.next
	p.next = ""
	if path == p.target && p.isUntouched() {
		return nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && path == p.own {
		err = os.Remove(path)
	}
	if err != nil {
		p.unread = true
		return fmt.Errorf("-coverprofile: %w", err)
	}
	profile, whole, err := coverage.Parse(text)
	if err == nil {
		err = p.all.Add(profile)
	}
	if err != nil {
		p.unread = true
		return fmt.Errorf("-coverprofile %s: %w", path, err)
	}
	p.rewrite = p.rewrite || !whole || path != p.target
	return nil
}

// profile returns what was taken.
func (p *profiles) profile() coverage.Profile {
	if p == nil {
		return coverage.Profile{}
	}
	return p.all
}

// isUntouched reports whether target is what it was before the first round.
func (p *profiles) isUntouched() bool {
	now, err := os.Stat(p.target)
	return err == nil && p.before != nil && os.SameFile(now, p.before) && now.ModTime().Equal(p.before.ModTime())
}

// write gives the user's file the blocks of all rounds, each once. Otherwise it
// stays as go test wrote it.
func (p *profiles) write() error {
	if p.target == "" || !p.rewrite {
		return nil
	}
	file, err := outfile.CreateWhole(p.target)
	if err == nil {
		p.all.Write(file) // its error comes with Commit
		err = file.Commit()
	}
	if err != nil {
		return fmt.Errorf("-coverprofile %w", err)
	}
	return nil
}

// endCoverage completes the profile and has it reported.
func (i *invocation) endCoverage() error {
	if i.cfg.Input != nil && i.cfg.Profile != nil && i.cfg.Coverage != nil {
		i.stream.Note(result.Coverage(i.cfg.Coverage(*i.cfg.Profile)))
	}
	if i.cover == nil || i.cover.unread {
		return nil
	}
	err := i.cover.write()
	if i.cfg.Coverage != nil {
		i.stream.Note(result.Coverage(i.cfg.Coverage(i.cover.all)))
	}
	return err
}
