package harness

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"pgtest/jsonstream/result"
)

// goVersionPatience bounds how long the report waits for its go.version at the
// end of a run.
const goVersionPatience = 2 * time.Second

func (g goTest) goPath() string { return g.cmd.Path }
func (command) goPath() string  { return "" }
func (input) goPath() string    { return "" }

// askGoVersion starts asking the go command of the run for its version, beside
// the tests, if a report needs it: go.mod and the environment choose the
// version as they do for the tests. GOVERSION overrides it, as in gotestsum,
// and is the only source for events from elsewhere. The returned function
// passes the answer to the stream.
func (i *invocation) askGoVersion() (tell func()) {
	known := ""
	for _, v := range i.environ() {
		if value, ok := strings.CutPrefix(v, "GOVERSION="); ok {
			known = value
		}
	}
	if h := i.cfg.Archive; h != nil && known == "" {
		known = h.GoVersion()
	}
	path := i.plan.source.goPath()
	if known != "" || path == "" || i.cfg.Stream.JUnit == nil {
		return func() { i.stream.Note(result.GoVersion(known)) }
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "env", "GOVERSION")
	cmd.Dir, cmd.Env = i.cfg.Dir, i.environ()
	answer := make(chan string, 1)
	go func() {
		// The run may have reaped it with its orphans, which is an error here.
		out, _ := cmd.Output()
		answer <- strings.TrimSpace(string(out))
	}()
	return func() {
		defer cancel()
		select {
		case version := <-answer:
			i.stream.Note(result.GoVersion(version))
		case <-time.After(goVersionPatience):
		}
	}
}
