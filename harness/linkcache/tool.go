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
}

// A result is what became of a link.
type result struct {
	printed []byte // by the linker, here or where the link was done
	status  int
	stored  bool          // the cache has a new entry
	fetched bool          // the output is what the user's cache program has
	took    time.Duration // if fetched, the link itself
	late    bool          // the link was done before the program answered
	has     bool          // the program has the link, though it was done
	damaged bool          // the program's answer was not the link
}

// run takes the output from the cache, else from the user's cache program, or
// else links, also while the program's answer is awaited.
func (l *link) run() int {
	printed, err := l.get(l.key, l.command.output)
	if err == nil {
		l.note(hit)
		os.Stdout.Write(printed)
		return 0
	}
	asked := time.Now()
	p := askShare(l.key)
	defer p.close()
	var r result
	var later <-chan fetch
	a := p.next()
	if a.Later {
		later = l.awaitFetch(p)
	} else {
		r = l.fetch(a.Response, l.command.output).result()
	}
	waited := time.Since(asked)
	damaged := r.damaged
	if !r.fetched {
		if r, err = l.link(later); err != nil {
			l.noteUncached(err)
			return replace(l.command.words)
		}
	}
	if r.fetched {
		l.note(fetched)
		waited = time.Since(asked) - r.took
	}
	p.tell(question{Lost: waited, Linked: r.stored && !r.has, Late: r.late, Damaged: damaged || r.damaged})
	os.Stdout.Write(r.printed)
	return r.status
}

const linkFailed notCacheable = "the link failed"

// link runs the linker and stores what it wrote, unless later delivers the output
// first. An error means that the command must be run again without interposing:
// either that was not possible, or the link failed and its messages name this
// program's files instead of the external linker.
func (l *link) link(later <-chan fetch) (result, error) {
	started := time.Now()
	words, rec, err := interpose(l.command)
	if err != nil {
		return result{}, err
	}
	linker, err := startLinker(words, rec.dir)
	if err != nil {
		return result{}, err
	}
	var r result
	select {
	case f := <-later:
		if r = f.result(); r.fetched && l.abandon(linker, rec) {
			return r, os.Rename(l.fetchedOutput(), l.command.output)
		}
		r = result{has: r.fetched, damaged: r.damaged}
		<-linker.ended
	case <-linker.ended:
		r.late = later != nil
	}
	os.Remove(l.fetchedOutput())
	r.printed = linker.printed.Bytes()
	if r.status, err = linker.status(); err != nil {
		return r, err
	}
	if r.status != 0 {
		if rec.used() {
			return r, linkFailed
		}
		l.noteUncached(linkFailed)
		return r, nil
	}
	inputs, err := rec.inputs(started)
	if err == nil {
		err = l.put(l.key, l.command.output, meta{Output: r.printed, Inputs: inputs, Took: time.Since(started)})
	}
	if err != nil {
		l.noteUncached(err)
		return r, nil
	}
	l.note(miss)
	r.stored = true
	return r, nil
}

// fetchedOutput is where the program's answer becomes the link's output while the
// linker may be writing that itself.
func (l *link) fetchedOutput() string { return l.command.output + ".fetched" }

// abandon ends the linker. It reports false if that must go on, because what it may
// have started would be left.
func (l *link) abandon(linker *linker, rec *recorder) bool {
	if l.command.wrap > 0 || !rec.forbid() {
		return false
	}
	linker.cmd.Process.Kill()
	<-linker.ended
	return true
}

// A linker is a running linker.
type linker struct {
	cmd     *exec.Cmd
	printed bytes.Buffer
	ended   chan struct{} // closed when it has
	err     error
}

// startLinker starts the command. Its standard output and standard error share one
// pipe, as with the go command, its temporary files are in dir, and it does not
// outlive this process.
func startLinker(words []string, dir string) (*linker, error) {
	l := &linker{cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
	l.cmd.Stdin, l.cmd.Stdout, l.cmd.Stderr = os.Stdin, &l.printed, &l.printed
	l.cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	l.cmd.SysProcAttr = new(syscall.SysProcAttr)
	dieWithParent(l.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		// The parent-death signal fires when the thread that starts the linker
		// ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := l.cmd.Start()
		started <- err
		if err == nil {
			l.err = l.cmd.Wait()
			close(l.ended)
		}
	}()
	return l, <-started
}

// status returns the exit status of a linker that has ended.
func (l *linker) status() (int, error) {
	var exit *exec.ExitError
	if errors.As(l.err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, l.err
}
