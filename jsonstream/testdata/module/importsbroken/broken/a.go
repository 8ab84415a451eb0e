package broken

func F() int { return "no" }
