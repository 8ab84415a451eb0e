package control

// abstractName is the address of a socket that has no file. It can be reached
// by every user, so both ends ask who the other is, as they do in any case.
func abstractName(name string) string { return "@" + name }
