package signals

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
)

// TestSignal has the run that it is part of interrupted by a signal, and says
// what came of it here.
func TestSignal(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv("RUN"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(os.Getenv("SIGNAL"))
	if err != nil {
		t.Fatal(err)
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.Signal(n))
	if err := syscall.Kill(pid, syscall.Signal(n)); err != nil {
		t.Fatal(err)
	}
	fmt.Println("came:", <-c)
	if os.Getenv("STAY") != "" {
		select {}
	}
}
