package linkcache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Words that stand between the role's name and the tool.
const (
	dirOption     = "--dir="     // the cache's directory
	programOption = "--program=" // the value of GOCACHEPROG, if it is not in the environment
	wrapOption    = "--wrap="    // how many words of the user's -toolexec follow
	recordOption  = "--record="  // file that takes notes: the command is the external linker
)

const programVariable = "GOCACHEPROG"

// Tool runs the role that the go command starts by -toolexec. args are the
// words after the role's name: options, then the tool and its arguments. Every
// tool but the linker replaces this process at once, and so does a link that
// can't be cached. Tool returns, with the exit status, only after a link, or if
// the tool can't be started.
func Tool(args []string) int {
	var dir, record string
	program := os.Getenv(programVariable)
	wrap := 0
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		switch option := args[0]; {
		case strings.HasPrefix(option, dirOption):
			dir = option[len(dirOption):]
		case strings.HasPrefix(option, programOption):
			program = option[len(programOption):]
		case strings.HasPrefix(option, recordOption):
			record = option[len(recordOption):]
		case strings.HasPrefix(option, wrapOption):
			wrap, _ = strconv.Atoi(option[len(wrapOption):])
		}
		args = args[1:]
	}
	if len(args) <= wrap {
		fmt.Fprintln(os.Stderr, "pgtest: __tool: no tool to run")
		return 2
	}
	if record != "" {
		return runExtld(args, record)
	}
	if dir != "" && wrap == 0 && asksVersion(args) && (&Cache{dir: dir}).version(args[0]) == nil {
		return 0
	}
	if dir == "" || !isLink(args[wrap:]) {
		return replace(args)
	}
	cache := &Cache{Program: program, dir: dir}
	c, err := parseCommand(args, wrap)
	var k key
	if err == nil {
		k, err = c.key()
	}
	if err != nil {
		cache.noteUncached(err)
		return replace(args)
	}
	l := link{Cache: cache, command: c, key: k}
	return l.run()
}

// isLink reports whether the tool is the linker and is to link, not to print
// its version.
func isLink(tool []string) bool {
	return strings.TrimSuffix(filepath.Base(tool[0]), ".exe") == "link" && len(tool) > 2
}

// replace replaces this process by the command. It returns only on failure.
func replace(words []string) int {
	file, err := exec.LookPath(words[0])
	if err == nil {
		err = &os.PathError{Op: "exec", Path: file, Err: syscall.Exec(file, words, os.Environ())}
	}
	fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
	return 127
}

// A link is one call of the linker that the cache may answer.
type link struct {
	*Cache
	command *command
	key     key
}

// run takes the output from the cache, else from the user's cache program, or
// else links.
func (l *link) run() int {
	printed, err := l.get(l.key, l.command.output)
	if err == nil {
		l.note(hit)
		os.Stdout.Write(printed)
		return 0
	}
	program := startProgram(l.Program, l.command.workDir())
	if l.fetch(program) == nil {
		if printed, err := l.get(l.key, l.command.output); err == nil {
			program.close()
			l.note(fetched)
			os.Stdout.Write(printed)
			return 0
		}
	}
	printed, status, err := l.link(program)
	program.close()
	if err != nil {
		l.noteUncached(err)
		return replace(l.command.words)
	}
	os.Stdout.Write(printed)
	return status
}

const linkFailed notCacheable = "the link failed"

// link runs the linker and stores what it wrote. An error means that the
// command must be run again without interposing: either that was not possible,
// or the link failed and its messages name this program's files instead of the
// external linker.
func (l *link) link(program *program) (printed []byte, status int, err error) {
	started := time.Now()
	words, r, err := interpose(l.command)
	if err != nil {
		return nil, 0, err
	}
	printed, status, err = runLinker(words)
	if err != nil {
		return nil, 0, err
	}
	if status != 0 {
		if r.used() {
			return nil, 0, linkFailed
		}
		l.noteUncached(linkFailed)
		return printed, status, nil
	}
	inputs, err := r.inputs(started)
	if err == nil {
		err = l.put(l.key, l.command.output, meta{Output: printed, Inputs: inputs})
	}
	if err != nil {
		l.noteUncached(err)
		return printed, 0, nil
	}
	l.note(miss)
	l.offer(program)
	return printed, 0, nil
}

// runLinker runs the command and returns what it printed. Standard output and
// standard error share one pipe, as with the go command. The linker does not
// outlive this process.
func runLinker(words []string) (printed []byte, status int, err error) {
	// The parent-death signal fires when the thread that starts the linker
	// ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out bytes.Buffer
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, &out, &out
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	dieWithParent(cmd.SysProcAttr)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return out.Bytes(), exit.ExitCode(), nil
	}
	return out.Bytes(), 0, err
}
