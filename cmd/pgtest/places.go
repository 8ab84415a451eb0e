package main

import (
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/gotest/sources"
	"pgtest/jsonstream/sink"
)

// places finds where tests stand, for outputs.
type places struct{ l *sources.Locator }

// findPlaces finds them for a run that starts now. Events from elsewhere are
// about tests that were built elsewhere, and perhaps before.
func findPlaces(c *flags.CommandLine) sink.Places {
	if c.Archived != nil {
		return archivePlaces{c.Archived}
	}
	run := sources.Run{Dir: c.Dir, Flags: c.Line.FileFlags(), Since: time.Now()}
	switch {
	case c.ReadsInput():
		run = sources.Run{Dir: c.Dir, Foreign: true}
	case c.RawCommand:
		run.Flags, run.Foreign = nil, true
	}
	return places{sources.NewLocator(run)}
}

func (p places) Test(importPath, test string) sink.Place { return place(p.l.Test(importPath, test)) }

func (p places) Line(importPath, file string, line int) sink.Place {
	return place(p.l.Line(importPath, file, line))
}

func place(p sources.Place, ok bool) sink.Place {
	if !ok {
		return sink.Place{}
	}
	return sink.Place(p)
}

func (p places) Path(file string) string {
	path, ok := p.l.Path(file)
	if !ok {
		return ""
	}
	return path
}
