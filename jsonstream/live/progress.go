package live

import (
	"fmt"
	"strconv"
	"strings"
)

// A Progress is what some terminals show of a program in their title, tab or
// task bar (OSC 9;4, which ConEmu began). The zero value is none.
type Progress struct {
	Shown   bool
	Percent int // negative if nobody knows
	Failed  bool
}

// ClearProgress is the sequence that removes a Progress.
const ClearProgress = "\x1b]9;4;0\x1b\\"

func (p Progress) sequence() string {
	switch {
	case !p.Shown:
		return ClearProgress
	case p.Percent < 0:
		return "\x1b]9;4;3\x1b\\"
	case p.Failed:
		return fmt.Sprintf("\x1b]9;4;2;%d\x1b\\", p.Percent)
	}
	return fmt.Sprintf("\x1b]9;4;1;%d\x1b\\", p.Percent)
}

// ShowsProgress reports whether the terminal of an environment shows a Progress.
// Others might take the sequence for a notification. A multiplexer does not pass
// it on.
func ShowsProgress(getenv func(string) string) bool {
	term := getenv("TERM")
	if getenv("TMUX") != "" || getenv("STY") != "" || strings.HasPrefix(term, "screen") || strings.HasPrefix(term, "tmux") {
		return false
	}
	switch getenv("TERM_PROGRAM") {
	case "ghostty", "WezTerm":
		return true
	case "iTerm.app":
		return atLeast(getenv("TERM_PROGRAM_VERSION"), 3, 6, 6)
	}
	return getenv("WT_SESSION") != "" || getenv("ConEmuANSI") == "ON" || term == "xterm-ghostty"
}

// atLeast compares a version with dots.
func atLeast(version string, want ...int) bool {
	have := strings.Split(version, ".")
	for i, w := range want {
		n := 0
		if i < len(have) {
			n, _ = strconv.Atoi(have[i])
		}
		if n != w {
			return n > w
		}
	}
	return true
}
