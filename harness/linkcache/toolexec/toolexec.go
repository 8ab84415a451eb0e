// Package toolexec is the command line of a tool that the go command starts
// through this program: what stands before the tool, and which tool it is. It
// imports little, not even strings: see package earlytool.
package toolexec

import (
	"os"
	"strconv"
	"syscall"
)

// Role is the word after the program in the go command's -toolexec.
const Role = "__tool"

// A Command is what follows the role's name.
type Command struct {
	Dir      string   // the cache's directory, or ""
	Record   string   // file that takes notes: the command is the external linker
	Outcomes string   // file that gets what became of links, or ""
	Quick    bool     // the compiler takes memory to save time
	Places   string   // directory for the places of tools
	AtOnce   int      // how many tools run at once; 0 is no limit
	Wrap     int      // how many of Words are the user's own -toolexec
	Words    []string // the user's -toolexec, the tool and its arguments
}

const (
	dirOption      = "--dir="
	wrapOption     = "--wrap="
	recordOption   = "--record="
	outcomesOption = "--outcomes="
	placesOption   = "--places="
	atOnceOption   = "--at-once="
	quickOption    = "--quick"
)

// Parse is the inverse of Command.Args. The command has no tool if Words is not
// longer than Wrap.
func Parse(args []string) Command {
	var c Command
	for len(args) > 0 && hasPrefix(args[0], "--") {
		switch option := args[0]; {
		case hasPrefix(option, dirOption):
			c.Dir = option[len(dirOption):]
		case hasPrefix(option, recordOption):
			c.Record = option[len(recordOption):]
		case hasPrefix(option, outcomesOption):
			c.Outcomes = option[len(outcomesOption):]
		case hasPrefix(option, wrapOption):
			c.Wrap, _ = strconv.Atoi(option[len(wrapOption):])
		case hasPrefix(option, placesOption):
			c.Places = option[len(placesOption):]
		case hasPrefix(option, atOnceOption):
			c.AtOnce, _ = strconv.Atoi(option[len(atOnceOption):])
		case option == quickOption:
			c.Quick = true
		}
		args = args[1:]
	}
	c.Words = args
	return c
}

// Args returns the words to go behind the role's name.
func (c Command) Args() []string {
	var args []string
	for _, option := range [][2]string{{dirOption, c.Dir}, {recordOption, c.Record}, {outcomesOption, c.Outcomes}, {placesOption, c.Places}} {
		if option[1] != "" {
			args = append(args, option[0]+option[1])
		}
	}
	if c.AtOnce > 0 {
		args = append(args, atOnceOption+strconv.Itoa(c.AtOnce))
	}
	if c.Quick {
		args = append(args, quickOption)
	}
	if c.Wrap > 0 {
		args = append(args, wrapOption+strconv.Itoa(c.Wrap))
	}
	return append(args, c.Words...)
}

// IsLink reports whether the tool is the linker and is to link, not to print
// its version.
func (c Command) IsLink() bool {
	tool := c.Words[c.Wrap:]
	_, name := split(tool[0])
	return name == "link" && len(tool) > 2
}

// AsksVersion reports whether a tool of a Go distribution is asked for its id.
// The go command does that in each run for each tool that it needs.
func (c Command) AsksVersion() bool {
	if c.Wrap > 0 || len(c.Words) != 2 || c.Words[1] != "-V=full" {
		return false
	}
	dir, _ := split(c.Words[0])
	dir, _ = split(dir)
	_, name := split(dir)
	return name == "tool"
}

// PassOn waits for a place, and replaces this process by the tool if the cache has
// nothing to do with it. It returns if it has, or if the tool is not named by an absolute path or
// can't be started.
func (c Command) PassOn() {
	c.takePlace()
	if c.isDirect() {
		syscall.Exec(c.Words[0], c.Words, c.environ())
	}
}

// environ is the environment of the tool. A quick compiler collects no garbage
// before it has half a gigabyte, which for a large package saves a quarter of its
// time.
func (c Command) environ() []string {
	env := os.Environ()
	_, name := split(c.Words[0])
	if !c.Quick || name != "compile" || os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return env
	}
	return append(env, "GOGC=off", "GOMEMLIMIT=512MiB")
}

func (c Command) isDirect() bool {
	if len(c.Words) <= c.Wrap || c.Record != "" || !hasPrefix(c.Words[0], "/") {
		return false
	}
	return c.Dir == "" || !c.IsLink() && !c.AsksVersion()
}

func hasPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && s[:len(prefix)] == prefix
}

// split returns the directory and the name of a path.
func split(path string) (dir, name string) {
	i := len(path) - 1
	for i >= 0 && path[i] != '/' {
		i--
	}
	return path[:max(i, 0)], path[i+1:]
}
