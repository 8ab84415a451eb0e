package control

import "syscall"

// Undying notes that the process is there though it got SIGKILL, and why.
func (l *Leak) Undying() {
	l.End, l.Alive = "", "it does not end on SIGKILL"
	if refusal := Refusal(l.PID); refusal != nil {
		l.Alive = refusal.Error()
	}
}

// Refusal returns the error of signalling a process that this user may not
// signal, such as a program that became another user's by sudo, else nil.
// Nothing is sent.
func Refusal(pid int) error {
	if err := syscall.Kill(pid, 0); err == syscall.EPERM {
		return err
	}
	return nil
}
