package jsonstream

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"pgtest/jsonstream/event"
)

// withoutWait returns an event in which go says how long a package took, without the
// time that the package waited before its tests began: go knows only when it started
// what waits. All other events are returned as they are.
func (s *Stream) withoutWait(ev *event.Event) *event.Event {
	if len(ev.Test) > 0 || ev.Line == nil || ev.Kind != event.Output && !ev.Kind.Terminal() {
		return ev
	}
	waited := s.results.WaitOf(string(ev.Package))
	if waited == 0 {
		return ev
	}
	var line []byte
	if ev.Kind == event.Output {
		line = shortenedText(ev, waited)
	} else {
		line = shortened(ev.Line, `"Elapsed":`, "", strconv.FormatFloat(ev.Elapsed, 'f', -1, 64), waited)
	}
	if line == nil {
		return ev
	}
	return s.decoder.Decode(line)
}

// shortenedText shortens the time in go's line on a package: "ok", a tab, the path, a
// tab, "1.234s".
func shortenedText(ev *event.Event, waited time.Duration) []byte {
	said := ev.Output.String()
	for _, verdict := range []string{"ok  \t", "FAIL\t"} {
		rest, is := strings.CutPrefix(said, verdict+string(ev.Package)+"\t")
		number, _, seconds := strings.Cut(rest, "s")
		if is && seconds {
			return shortened(ev.Line, `\t`, "s", number, waited)
		}
	}
	return nil
}

// shortened returns a copy of a line in which the number between two texts is less by
// what was waited, nil if it does not stand there.
func shortened(line []byte, before, after, number string, waited time.Duration) []byte {
	took, err := strconv.ParseFloat(number, 64)
	old := []byte(before + number + after)
	if err != nil || !bytes.Contains(line, old) {
		return nil
	}
	left := strconv.FormatFloat(max(took-waited.Seconds(), 0), 'f', 3, 64)
	return bytes.Replace(line, old, []byte(before+left+after), 1)
}
