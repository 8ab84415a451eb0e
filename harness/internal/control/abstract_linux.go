package control

// abstractName returns the address of a socket that has no file. Every user can
// connect to it, so both ends check the other's user, as they do for any
// socket.
func abstractName(name string) string { return "@" + name }
