//go:build unix

package signals

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestLateSignal has a run that is over when its output is closed, and a signal
// that may have ended the reader.
func TestLateSignal(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  syscall.Signal
	}{{firstWait / 2, unix.SIGINT}, {2 * firstWait, unix.SIGPIPE}} {
		synctest.Test(t, func(t *testing.T) {
			c := New(time.Hour)
			c.sigs = make(chan os.Signal, 1)
			c.OutputClosed(nil)
			time.AfterFunc(tt.after, func() { c.sigs <- unix.SIGINT })
			c.lastEvents()
			if got := c.Cause(); got != tt.want {
				t.Errorf("a signal after %v: %v, want %v", tt.after, got, tt.want)
			}
		})
	}
}
