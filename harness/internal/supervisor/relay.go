package supervisor

import (
	"syscall"
	"time"
)

// A relay decides which of the signals that ask to end the supervisor passes on
// to its test, so that the test gets each signal once, whichever processes were
// signalled:
//
//	                    supervisor  test  run, which orders
//	the run                                     x            pass the order on
//	the supervisor          x                                pass it on
//	the whole tree          x        x          x            pass nothing on
//
// So a signal that arrives by one way is held for a moment, until it arrives by
// the other way or does not. Without a run there are no orders to wait for.
// Where tests have the terminal, a typed signal reaches the whole tree.
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

// An answer is what to do with a signal.
type answer int

const (
	drop answer = iota
	pass        // on to the test
	hold        // and ask what to do when its time is over
)

// receiveTime is how long the supervisor holds a signal for the run's order to
// arrive. It is long because nobody waits for it: a supervisor is signalled
// alone only by go, which gives up a test binary, or by mistake.
const receiveTime = 2 * time.Second

func newRelay(connected bool) *relay {
	return &relay{connected: connected, state: make(map[syscall.Signal]relayState)}
}

// receive answers a signal that arrived at the supervisor.
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

// order answers a signal that the run ordered. A signal that the run orders
// again is meant for the test, as the first was, unless the test has had it as
// everybody has: the run then orders it once because go has died of it, and
// once because it was signalled itself.
func (r *relay) order(sig syscall.Signal) answer {
	switch r.state[sig] {
	case received:
		r.state[sig] = shared
		return drop
	case ordered, shared:
		return drop
	}
	r.state[sig] = ordered
	return hold
}

// over answers that the time for which a signal was held has passed.
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

// askedOtherwise reports whether another signal has asked everything to end.
// Ctrl-C also ends the reader of the output, and the run may notice that first.
// It then orders SIGTERM, though the test has had SIGINT.
func (r *relay) askedOtherwise(sig syscall.Signal) bool {
	for other, state := range r.state {
		if other != sig && (state == received || state == shared) {
			return true
		}
	}
	return false
}

func (r *relay) disconnect() { r.connected = false }
