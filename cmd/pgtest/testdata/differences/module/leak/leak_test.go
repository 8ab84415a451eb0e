package leak

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// TestLeak leaves a process behind, and its id in a file.
func TestLeak(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	if os.Getenv("HOLDS_OUTPUT") != "" {
		cmd.Stdout = os.Stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("PID_FILE"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o666); err != nil {
		t.Fatal(err)
	}
}
