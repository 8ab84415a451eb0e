package linkcache

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"pgtest/harness/linkcache/toolexec"
)

// Tool runs the role that the go command starts by -toolexec. args are the
// words after the role's name: options, then the tool and its arguments. Every
// tool but the linker replaces this process at once, and so does a link that
// can't be cached. Tool returns, with the exit status, only after a link, or if
// the tool can't be started.
func Tool(args []string) int {
	t := toolexec.Parse(args)
	if len(t.Words) <= t.Wrap {
		fmt.Fprintln(os.Stderr, "pgtest: __tool: no tool to run")
		return 2
	}
	if t.Record != "" {
		return runExtld(t.Words, t.Record)
	}
	if t.Dir != "" && t.AsksVersion() && (&Cache{dir: t.Dir}).version(t.Words[0]) == nil {
		return 0
	}
	if t.Dir == "" || !t.IsLink() {
		return replace(t.Words)
	}
	cache := &Cache{Outcomes: t.Outcomes, dir: t.Dir}
	c, err := parseCommand(t.Words, t.Wrap)
	var k key
	if err == nil {
		k, err = c.key()
	}
	if err != nil {
		cache.noteUncached(err)
		return replace(t.Words)
	}
	l := link{Cache: cache, command: c, key: k}
	return l.run()
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
	stored  bool // the link ran, and is in the cache
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
	asked := time.Now()
	peer := askShare(l.key)
	defer peer.close()
	m, err := l.fetch(peer)
	if err == nil {
		peer.tell(question{Lost: time.Since(asked) - m.Took})
		l.note(fetched)
		os.Stdout.Write(m.Output)
		return 0
	}
	var lost time.Duration
	if peer.has() {
		lost = time.Since(asked)
	}
	damaged := errors.Is(err, errDamaged)
	printed, status, err := l.link()
	if err != nil {
		l.noteUncached(err)
		return replace(l.command.words)
	}
	peer.tell(question{Lost: lost, Linked: l.stored, Damaged: damaged})
	os.Stdout.Write(printed)
	return status
}

const linkFailed notCacheable = "the link failed"

// link runs the linker and stores what it wrote. An error means that the
// command must be run again without interposing: either that was not possible,
// or the link failed and its messages name this program's files instead of the
// external linker.
func (l *link) link() (printed []byte, status int, err error) {
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
		err = l.put(l.key, l.command.output, meta{Output: printed, Inputs: inputs, Took: time.Since(started)})
	}
	if err != nil {
		l.noteUncached(err)
		return printed, 0, nil
	}
	l.note(miss)
	l.stored = true
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
