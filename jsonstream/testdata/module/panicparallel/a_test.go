package panicparallel

import (
	"fmt"
	"testing"
)

var waiting = make(chan bool)

func TestA(t *testing.T) {
	t.Parallel()
	fmt.Println("A waits")
	waiting <- true
	select {}
}

func TestB(t *testing.T) {
	t.Parallel()
	<-waiting
	panic("B")
}
