package watchdog

import (
	"os/exec"
	"testing"
	"time"
)

// TestEndedAtOnce starts a watchdog that ends before it has started the command.
func TestEndedAtOnce(t *testing.T) {
	ended := make(chan error, 1)
	go func() {
		_, err := Start([]string{"true"}, t.TempDir(), exec.Command("true"))
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("Start waits for a watchdog that has ended")
	}
}
