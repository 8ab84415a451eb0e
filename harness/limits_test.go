package harness

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"pgtest/jsonstream"
	"pgtest/signals"
)

// TestSlowAfter looks at a test that has begun at various times of the wall clock
// and is stopped for an hour: what counts is the time in which it could run.
func TestSlowAfter(t *testing.T) {
	for name, wall := range map[string]time.Duration{
		"clock right": 0, "clock set forward": time.Hour, "clock set back": -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			var errors bytes.Buffer
			r := &run{
				cfg:     Config{SlowAfter: 10 * time.Second},
				signals: signals.New(DefaultGrace),
				stderr:  newOutlet(&errors),
			}
			var err error
			if r.stream, err = jsonstream.New(jsonstream.Options{Format: "none", Notices: posts{r.stderr}}); err != nil {
				t.Fatal(err)
			}
			_, stop := r.startWatch()
			defer stop()
			now := time.Now()
			event := `"Time":"` + now.Add(-wall).Format(time.RFC3339Nano) + `","Package":"p"`
			events := `{"Action":"start",` + event + `}` + "\n" + `{"Action":"run","Test":"TestA",` + event + `}` + "\n"
			reader, writer, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				r.stream.ReadOutput(reader)
			}()
			if _, err := writer.WriteString(events); err != nil {
				t.Fatal(err)
			}
			for len(r.stream.Running()) < 2 {
				time.Sleep(time.Millisecond)
			}
			pass := func(d time.Duration) {
				for range d / time.Second {
					now = now.Add(time.Second)
					r.look(now)
				}
			}
			r.look(now)
			pass(5 * time.Second)
			r.watch.clock.Stop(now) // as Ctrl-Z does
			now = now.Add(time.Hour)
			r.watch.clock.Continue(now)
			pass(2 * time.Second)
			now = now.Add(time.Hour) // as SIGSTOP does to pgtest and its tests
			r.look(now)
			if len(r.watch.told) > 0 {
				t.Errorf("slow too early")
			}
			pass(4 * time.Second)
			writer.Close()
			<-read
			r.stream.Close()
			r.stderr.close()
			if !strings.HasPrefix(errors.String(), "pgtest: slow: TestA of p has been running for 1") {
				t.Errorf("printed %q", errors.String())
			}
		})
	}
}
