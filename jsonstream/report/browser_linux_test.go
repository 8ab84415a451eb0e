package report_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"pgtest/harness/harnesstest"
)

// limit is how long a browser may take for anything on a busy machine.
const limit = 2 * time.Minute

// browse starts Chromium, which ends with the test. Everything that it writes goes
// to the test's directory.
func browse(t testing.TB) context.Context {
	t.Helper()
	harnesstest.Need(t, "chromium")
	dir := shortDir(t)
	mark := harnesstest.Mark(t.Name())
	var browser *exec.Cmd
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.NoSandbox, // there may be no user namespaces
		chromedp.Flag("disable-crash-reporter", true), chromedp.Flag("disable-gpu", true), chromedp.Flag("no-zygote", true),
		chromedp.WindowSize(1280, 900),
		chromedp.Env(mark, "TMPDIR="+dir, "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_RUNTIME_DIR="+dir,
			"DBUS_SESSION_BUS_ADDRESS=disabled:", "TZ=UTC"),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			browser = cmd
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		}),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 4*limit)
	ctx, cancelAllocator := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancelBrowser := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		cancelBrowser()
		cancelAllocator() // which waits for the process
		cancel()
		if browser != nil && browser.Process != nil {
			endAll(t, browser.Process.Pid, mark)
		}
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// shortDir makes a directory that is removed at the end. Chromium has a socket in
// it, whose path may be no longer than 108 bytes.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if len(dir) > 50 {
		os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// endAll kills what is left of a process group, and waits until nothing with a
// mark lives.
func endAll(t testing.TB, group int, mark string) {
	for deadline := time.Now().Add(limit); len(harnesstest.Survivors(mark)) > 0; time.Sleep(time.Millisecond) {
		syscall.Kill(-group, syscall.SIGKILL)
		if time.Now().After(deadline) {
			t.Fatalf("%v of the browser does not end", harnesstest.Survivors(mark))
		}
	}
}

// A tab shows a page. It notes what the page asks of the network, and what the
// console says.
type tab struct {
	context.Context
	t testing.TB

	mu       sync.Mutex
	requests []string
	messages []string
}

// open opens a page in a new tab, and waits until the page's script has run.
func open(t testing.TB, browser context.Context, path string) *tab {
	t.Helper()
	page := newTab(t, browser)
	page.do(chromedp.Navigate("file://" + path))
	page.until("document.documentElement.dataset.ready")
	return page
}

func newTab(t testing.TB, browser context.Context) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	// The tab lives as long as the context of what is done first.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, limit)
	t.Cleanup(cancel)
	page := &tab{Context: ctx, t: t}
	if err := chromedp.Listen(ctx, page.listen); err != nil {
		t.Fatal(err)
	}
	call(page, network.Enable, network.EnableParams{})
	call(page, log.Enable, cdp.Empty{})
	return page
}

func (p *tab) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, ev.Request.URL)
	case *log.EventEntryAdded:
		p.messages = append(p.messages, ev.Entry.Text)
	case *runtime.EventExceptionThrown:
		p.messages = append(p.messages, ev.ExceptionDetails.Text)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// call sends a command of the protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p, command, params); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns what a JavaScript expression yields.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// want fails unless an expression yields a value.
func (p *tab) want(expression string, value any) {
	p.t.Helper()
	got, want := asJSON(eval[any](p, expression)), asJSON(value)
	if got != want {
		p.t.Errorf("%s: %s, want %s", expression, got, want)
	}
}

// until waits until an expression is true.
func (p *tab) until(expression string) {
	p.t.Helper()
	for !eval[bool](p, "Boolean("+expression+")") {
		time.Sleep(10 * time.Millisecond) // the tab has a time limit
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// media makes the page see another medium, and that the user prefers a light or a
// dark page.
func (p *tab) media(medium, scheme string) {
	p.t.Helper()
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}
