package race

import "os"

// ExitAtOnce makes processes with the race detector that this one starts end when
// they exit. By default each that has run goroutines sleeps for a second first.
func ExitAtOnce() { os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")) }
