package harness

import (
	"context"
	"os"

	"pgtest/harness/internal/collect"
)

// Binary is a test binary that was kept for an archive.
type Binary = collect.Binary

// CollectProgram returns a program for Config.Exec that keeps test binaries in the
// run's directory and does not run them.
func CollectProgram() ([]string, error) {
	self, err := os.Executable()
	return []string{self, collect.Role}, err
}

// Collected returns the binaries that CollectProgram kept, for Config.Collect.
func Collected(dir string) ([]Binary, error) { return collect.Collected(dir) }

// collect calls Config.Collect if all packages have passed. It is over soon after
// the run was asked to end.
func (i *invocation) collect() (err error) {
	if i.cfg.Collect == nil || i.plan.interrupted || i.plan.exitCode() != 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = i.cfg.Collect(ctx, i.listener.Dir(), i.cover.profile())
	}()
	i.serveUntil(done, i.signals.Ending)
	cancel()
	<-done
	return err
}
