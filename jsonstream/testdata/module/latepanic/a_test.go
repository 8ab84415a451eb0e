package latepanic

import "testing"

var second = make(chan bool)

func TestFirst(t *testing.T) {
	go func() {
		<-second
		panic("too late for " + t.Name())
	}()
}

func TestSecond(t *testing.T) {
	close(second)
	select {}
}
