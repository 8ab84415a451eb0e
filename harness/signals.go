package harness

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pgtest/jsonstream/result"
	"pgtest/signals"
)

// What signals ask for is decided by signals.Plan. Its steps are events for the
// invocation's plan: these are the methods that signals.Executor asks for.
var _ signals.Executor = (*invocation)(nil)

func (i *invocation) InterruptGo() { i.do(i.plan.interrupt(i.signals.Cause(), time.Now())) }

func (i *invocation) KillGo() { i.do(i.plan.kill()) }

func (i *invocation) SignalTests(sig syscall.Signal) {
	i.noteSignal(unix.SignalName(sig) + " to the tests")
	i.do(i.plan.signal(sig))
}

func (i *invocation) Stop() {
	i.noteSignal("stopped")
	i.do(i.plan.stop(time.Now()))
}

func (i *invocation) Continue() {
	i.do(i.plan.proceed(time.Now()))
	i.noteSignal("continued")
}

func (i *invocation) noteSignal(text string) {
	i.stream.Note(result.Signal{At: time.Now(), Text: text})
}

func (i *invocation) Explain(line string) { i.do(i.plan.explain(line)) }

func (i *invocation) Report() { i.do([]step{say(i.report())}) }
