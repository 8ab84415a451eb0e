package ci

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"pgtest/jsonstream/sink"
)

// Fold returns what folds a part of a summary in the system's log, nil if
// nothing does.
func (s System) Fold() *sink.Fold {
	switch s {
	case GitLab:
		f := gitlabFold{id: strings.ToLower(rand.Text())}
		return &sink.Fold{Open: f.open, Close: f.close}
	case Buildkite:
		// A group goes on until the next heading.
		return &sink.Fold{
			Open:  func(title string) string { return "--- " + oneLine(strings.TrimPrefix(title, "=== ")) },
			Close: func() string { return "" },
			End:   "+++ Summary\n",
		}
	case Azure:
		return &sink.Fold{
			Open: func(title string) string {
				return "##[group]" + string(newDefuser(s).append(nil, []byte(oneLine(title))))
			},
			Close: func() string { return "##[endgroup]\n" },
		}
	}
	return nil
}

// gitlabFold makes sections, whose names tests can't guess.
type gitlabFold struct {
	id string
	n  int
}

func (f *gitlabFold) marker(what string) string {
	return fmt.Sprintf("\x1b[0Ksection_%s:%d:pgtest_%s_%d\r\x1b[0K", what, time.Now().Unix(), f.id, f.n)
}

func (f *gitlabFold) open(title string) string {
	f.n++
	return f.marker("start") + oneLine(title)
}

func (f *gitlabFold) close() string { return f.marker("end") + "\n" }

// oneLine is a title that ends its line and has no other. Its colours stay.
func oneLine(title string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(strings.TrimSuffix(title, "\n")) + "\n"
}
