package harness

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"pgtest/jsonstream/result"
	"pgtest/jsonstream/sink"
)

const (
	keyRunning  = 't'
	keyFailures = 'f'
	keyHelp     = '?'
	keyLine     = '\n'

	hotkeys  = "tf?\n"
	keysHelp = "pgtest: t: what runs, f: failures so far, Enter: an empty line, Ctrl-C: the end"
)

// startKeys begins to read keys.
func (i *invocation) startKeys() {
	if i.cfg.Keys {
		i.signals.ReadKeys(hotkeys, i.listener.Dir())
		i.keys = i.signals.Keys()
	}
}

func (i *invocation) endKeys() {
	if i.cfg.Keys {
		i.signals.DropKeys()
		i.keys = nil
	}
}

// key answers a key, on the terminal.
func (i *invocation) key(key byte) {
	answer := ""
	switch key {
	case keyRunning:
		answer = i.report()
	case keyFailures:
		answer = i.failures()
	case keyHelp:
		answer = keysHelp
	case keyLine:
	default:
		answer = fmt.Sprintf("pgtest: %q means nothing; ? lists the keys", key)
	}
	out := i.stderr
	if f, ok := i.cfg.Stream.Stderr.(*os.File); !ok || !isatty.IsTerminal(f.Fd()) {
		out = i.stdout
	}
	out.post(answer + "\n")
}

// report says what is running, and what it has printed.
func (i *invocation) report() string {
	now, running, pid := time.Now(), i.stream.Running(), i.watchdog.CommandPID()
	var text string
	say := func(printed func(pkg, test string) iter.Seq[[]byte]) {
		text = i.plan.report(running, pid, now, printed)
	}
	if !i.stream.Look(func(r *result.Results) { say(r.Printed) }) {
		say(func(string, string) iter.Seq[[]byte] { return func(func([]byte) bool) {} })
	}
	return text
}

// failures says what has failed so far.
func (i *invocation) failures() string {
	text := "pgtest: the output is not read; failures so far are not known"
	i.stream.Look(func(r *result.Results) {
		failed := r.FailedSoFar()
		if len(failed) == 0 {
			text = "pgtest: nothing has failed so far"
			return
		}
		var b strings.Builder
		for n, f := range failed {
			if n == maxFailures {
				fmt.Fprintf(&b, "pgtest: failed: and %d more\n", len(failed)-n)
				break
			}
			fmt.Fprintf(&b, "pgtest: failed: %s%s (%.2fs)\n", strings.TrimSpace(f.Package.Path+" "+f.TestName()), f.Package.RunID(), f.Elapsed.Seconds())
			text := bytes.TrimRight(sink.Excerpt(f.Output(), failureBytes), "\n")
			writeIndented(&b, bytes.Split(text, []byte{'\n'}))
		}
		text = strings.TrimSuffix(b.String(), "\n")
	})
	return text
}

const (
	maxFailures  = 20
	failureBytes = 4 << 10
)

// writeIndented writes lines.
func writeIndented(b *strings.Builder, lines [][]byte) {
	for _, line := range lines {
		fmt.Fprintf(b, "    %s\n", line)
	}
}

// lastLines returns the last lines of an output, and how many stand before them.
func lastLines(output iter.Seq[[]byte], limit int) (last [][]byte, before int) {
	whole := true // the last line is
	for piece := range output {
		for line := range bytes.Lines(piece) {
			if whole {
				last = append(last, nil)
			}
			if len(last) > limit {
				last, before = last[1:], before+1
			}
			whole = bytes.HasSuffix(line, []byte{'\n'})
			at := &last[len(last)-1]
			line = bytes.TrimRight(line, "\r\n")
			*at = append(*at, line[:min(len(line), lineBytes-len(*at))]...)
		}
	}
	return last, before
}

const (
	reportLines = 20
	lineBytes   = 1 << 10
)
