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

// Idle handles an event while there is nothing to signal: between the runs of a
// Control that serves several.
func (c *Control) Idle(e Event) { c.Handle(e, &phase{}) }

// After handles signals while f runs, which comes after the tests. It reports
// whether f has ended. The first signal gives f the grace, the second abandons
// it; f may then still be running. what describes f to the user.
func (c *Control) After(what string, f func()) bool {
	return c.Follow(what, async(f), func(syscall.Signal) {})
}

// Follow handles signals until ended is closed, as After does, and passes them
// on: the ones that ask to end, SIGSTOP and SIGCONT. It reports whether ended is
// closed; if it is not, what runs is to be killed.
func (c *Control) Follow(what string, ended <-chan struct{}, pass func(syscall.Signal)) bool {
	p := &phase{pass: pass, say: func(sig syscall.Signal) {
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
	pass func(syscall.Signal)
}

func (p *phase) InterruptGo()   {}
func (p *phase) KillGo()        { p.over = true }
func (p *phase) Stop()          { p.SignalTests(syscall.SIGSTOP) }
func (p *phase) Continue()      { p.SignalTests(syscall.SIGCONT) }
func (p *phase) Explain(string) {}
func (p *phase) Report()        {}

func (p *phase) SignalTests(sig syscall.Signal) {
	switch {
	case sig == syscall.SIGKILL:
		p.over = true
		return
	case p.say == nil:
		return
	case sig != syscall.SIGCONT && sig != syscall.SIGSTOP:
		p.say(sig)
	}
	p.pass(sig)
}
