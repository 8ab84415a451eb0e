//go:build unix

package signals

import (
	"fmt"
	"syscall"
)

// Before serves signals while f runs, which prepares a run and may take its
// time: a file may be one that waits for its reader. It reports whether f has
// ended and nobody has asked the run to end. Otherwise there is to be no run; f
// may still be at work, and what it writes must not be looked at.
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

// After serves signals while f runs, which comes after the tests. It reports
// whether f has ended. The first signal leaves f the grace, the second gives it
// up: f may then still be at work. What is what f does, for a user.
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

// A phase is an Executor without go and tests.
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
