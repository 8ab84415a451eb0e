package harness

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pgtest/harness/actiongraph"
	"pgtest/harness/gotest"
	"pgtest/harness/linkcache"
	"pgtest/jsonstream/result"
)

// builds has the go command of each round say what it built, for outputs that
// show it. A nil builds stands for nothing of that.
type builds struct {
	own     string      // the file for the actions, in the run's directory
	next    string      // what the present round writes, if not the user's own file
	before  fs.FileInfo // of what stood there
	links   string      // the file for what the link cache did
	round   int
	started time.Time // of the go command
}

// newBuilds makes the first round write its actions, unless the user has it do
// so.
func (i *invocation) newBuilds() *builds {
	if len(i.cfg.Command) > 0 || i.cfg.Input != nil || !i.cfg.Stream.ShowsBuilds() {
		return nil
	}
	b := &builds{own: filepath.Join(i.listener.Dir(), "actions.json"), links: filepath.Join(i.listener.Dir(), "links")}
	if i.cfg.LinkCache != nil {
		cache := *i.cfg.LinkCache
		cache.Outcomes = b.links
		i.cfg.LinkCache = &cache
	}
	line := gotest.Parse(i.cfg.Args)
	if b.next = line.Settings().ActionGraph; b.next == "" {
		i.cfg.Args = line.With("debug-actiongraph", b.own).Words()
		b.next = b.own
	} else if !filepath.IsAbs(b.next) {
		b.next = filepath.Join(i.cfg.Dir, b.next)
	}
	b.before, _ = os.Stat(b.next)
	b.started = time.Now()
	return b
}

// again returns the file for the actions of another round, "" for none.
func (b *builds) again() string {
	if b == nil {
		return ""
	}
	b.next, b.before, b.started = b.own, nil, time.Now()
	return b.own
}

// take returns what the go command of the round that has ended did. What can't
// be read, as after the command was killed, is left out.
func (b *builds) take() (result.Build, bool) {
	build := result.Build{Round: b.round, Started: b.started}
	b.round++
	now, err := os.Stat(b.next)
	if err != nil || !now.Mode().IsRegular() || b.before != nil && os.SameFile(now, b.before) && now.ModTime().Equal(b.before.ModTime()) {
		return build, false
	}
	f, err := os.Open(b.next)
	if err != nil {
		return build, false
	}
	defer f.Close()
	actions, err := actiongraph.Read(f)
	if err != nil {
		return build, false
	}
	outcomes := linkcache.Outcomes(b.links)
	began := false
	for _, a := range actions {
		action := result.Action{
			Mode: a.Mode, Package: a.Package, Deps: a.Deps,
			Ready: a.TimeReady, Start: a.TimeStart, Done: a.TimeDone, Ran: bool(a.Ran),
		}
		if a.Mode == "link" {
			action.LinkCache = outcomes[strings.TrimSuffix(a.Objdir, "/")]
		}
		began = began || !a.TimeStart.IsZero()
		build.Actions = append(build.Actions, action)
	}
	if b.next == b.own {
		os.Remove(b.own)
	}
	return build, began
}

// noteBuild notes what the go command of the round that has ended did.
func (i *invocation) noteBuild() {
	if i.builds == nil {
		return
	}
	i.serveDuring(func() {
		if build, ok := i.builds.take(); ok {
			i.stream.Note(build)
		}
	})
}
