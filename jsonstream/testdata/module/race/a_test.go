package race

import "testing"

func TestRace(t *testing.T) {
	n := 0
	done := make(chan bool)
	go func() {
		n++
		close(done)
	}()
	n++
	<-done
	t.Log(n)
}

func TestFine(t *testing.T) {}
