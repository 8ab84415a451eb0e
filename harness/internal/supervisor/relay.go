package supervisor

import (
	"syscall"
	"time"
)

// A relay decides which of the signals that ask to end a supervisor passes on,
// so that its test gets each of them once, whoever was signalled:
//
//	                    supervisor  test  run, which orders
//	the run                                     x            pass the order on
//	the supervisor          x                                pass it on
//	the whole tree          x        x          x            pass nothing on
//
// So what comes in one way waits for a moment, whether it comes the other way
// too. Without a run there are no orders to wait for. Where tests have the
// terminal, it signals the whole tree.
type relay struct {
	connected bool
	state     map[syscall.Signal]relayState
}

type relayState int

const (
	idle     relayState = iota
	received            // came to the supervisor: is it ordered, too?
	ordered             // came as an order: does it come to the supervisor, too?
	had                 // the test has had it by an order
	shared              // the test has had it as everybody has
)

// answer is what to do with a signal.
type answer int

const (
	drop answer = iota
	pass        // on to the test
	hold        // and ask what to do when its time is over
)

// receiveTime is how long the run may take to say that it got a signal, too.
// Nobody waits for it: a supervisor alone is signalled by go, which gives up a
// test binary, or by mistake.
const receiveTime = 2 * time.Second

func newRelay(connected bool) *relay {
	return &relay{connected: connected, state: make(map[syscall.Signal]relayState)}
}

// receive answers a signal that came to the supervisor.
func (r *relay) receive(sig syscall.Signal) answer {
	switch r.state[sig] {
	case ordered:
		r.state[sig] = shared
	case idle:
		if !r.connected {
			return pass
		}
		r.state[sig] = received
		return hold
	}
	return drop
}

// order answers a signal that the run ordered. One that it orders again is for
// the test, as the first was.
func (r *relay) order(sig syscall.Signal) answer {
	switch r.state[sig] {
	case received:
		r.state[sig] = shared
		return drop
	case ordered:
		return drop
	}
	r.state[sig] = ordered
	return hold
}

// over answers that the time has passed for which a signal was held.
func (r *relay) over(sig syscall.Signal) answer {
	switch r.state[sig] {
	case received:
		r.state[sig] = idle
		return pass
	case ordered:
		r.state[sig] = had
		if r.askedOtherwise(sig) {
			return drop
		}
		return pass
	}
	return drop
}

// askedOtherwise says whether another signal has asked everybody to end. Ctrl-C
// ends the reader of the output, too, and the run may notice that first: it
// then orders SIGTERM, though the test has had SIGINT.
func (r *relay) askedOtherwise(sig syscall.Signal) bool {
	for other, state := range r.state {
		if other != sig && (state == received || state == shared) {
			return true
		}
	}
	return false
}

// disconnect says that there will be no orders any more.
func (r *relay) disconnect() { r.connected = false }
