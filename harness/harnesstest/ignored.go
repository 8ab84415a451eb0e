package harnesstest

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// CatchIgnored makes the signals default in new processes that are ignored in
// this one, as under nohup. pgtest would leave them ignored. Once, because a
// parallel test would find a signal ignored no more before its handler is
// there, and start a process that ignores it.
var CatchIgnored = sync.OnceFunc(func() {
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
})
