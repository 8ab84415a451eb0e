package killed

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestKilled(t *testing.T) {
	fmt.Println("going")
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
