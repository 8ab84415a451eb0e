//go:build unix

package signals

import (
	"fmt"
	"syscall"
)

// Before handles signals while f runs, which prepares a run and may block, for
// instance by opening a named pipe that has no reader yet. It reports whether f
// has ended and nobody has asked the run to end. If it returns false, the run
// must not start; f may still be running, and its results must not be used.
func (c *Control) Before(f func()) bool {
	ended := async(f)
	p := &phase{}
	for !c.Ending() {
		select {
		case <-ended:
			return true
		case e := <-c.events:
			c.Handle(e, p)
		}
	}
	return false
}

// After handles signals while f runs, which comes after the tests. It reports
// whether f has ended. The first signal gives f the grace, the second abandons
// it; f may then still be running. what describes f to the user.
func (c *Control) After(what string, f func()) bool {
	ended := async(f)
	p := &phase{say: func(sig syscall.Signal) {
		// Nobody waits for standard error.
		go fmt.Fprintf(c.opts.Errors, "pgtest: %v: %s has %v to end; a second signal ends it at once\n", sig, what, c.opts.Grace)
	}}
	for !p.over {
		select {
		case <-ended:
			return true
		case e := <-c.events:
			c.Handle(e, p)
		}
	}
	return false
}

func async(f func()) (ended <-chan struct{}) {
	c := make(chan struct{})
	go func() {
		defer close(c)
		f()
	}()
	return c
}

// A phase is the Executor while there are no go and no tests.
type phase struct {
	over bool // its time is up
	say  func(syscall.Signal)
}

func (p *phase) InterruptGo()   {}
func (p *phase) KillGo()        { p.over = true }
func (p *phase) Stop()          {}
func (p *phase) Continue()      {}
func (p *phase) Explain(string) {}
func (p *phase) Report()        {}

func (p *phase) SignalTests(sig syscall.Signal) {
	switch {
	case sig == syscall.SIGKILL:
		p.over = true
	case p.say != nil && sig != syscall.SIGCONT && sig != syscall.SIGSTOP:
		p.say(sig)
	}
}
