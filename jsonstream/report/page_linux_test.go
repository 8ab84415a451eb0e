package report_test

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"pgtest/harness/harnesstest/race"
	"pgtest/jsonstream/report"
)

var update = flag.Bool("update", false, "make the picture in the docs")

// accessible is an expression that yields the faults of the page.
//
//go:embed testdata/accessible.js
var accessible string

func (p *tab) wantAccessible() {
	p.t.Helper()
	for _, fault := range eval[[]string](p, accessible) {
		p.t.Error(fault)
	}
}

// wantQuiet fails if the page asked for anything but itself, or had something to
// complain of.
func (p *tab) wantQuiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) != 1 || len(p.messages) > 0 {
		p.t.Errorf("requests %q, messages %q", p.requests, p.messages)
	}
}

// rows are the names in the list of tests.
const rows = "[...document.querySelectorAll('#list .name')].map((e) => e.textContent)"

// focused is what has the focus: the name in a row or of a failure, or an id.
const focused = `(() => {
	const e = document.activeElement;
	return (e.querySelector(".name, h3") || {}).textContent || e.id;
})()`

// press presses keys by their names in JavaScript. Key events of chromedp come as
// characters even if the page takes the key.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	codes := map[string]int64{"Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowRight": 39, "ArrowDown": 40}
	for _, key := range keys {
		params := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, WindowsVirtualKeyCode: codes[key]}
		switch {
		case key == "Enter":
			params.Text = "\r"
		case len(key) == 1:
			params.Text = key
		}
		call(p, input.DispatchKeyEvent, params)
		params.Type, params.Text = input.DispatchKeyEventTypeKeyUp, ""
		call(p, input.DispatchKeyEvent, params)
	}
}

// search goes to the search with its key, and types.
func (p *tab) search(text string) {
	p.t.Helper()
	p.press("/")
	p.want(focused, "query")
	p.press(strings.Split(text, "")...)
}

// TestPage looks at pages in a browser.
func TestPage(t *testing.T) {
	browser := browse(t)
	opts, notes, rounds := sample()
	path := write(t, opts, notes, rounds...)
	for name, test := range map[string]func(*tab){
		"shows": shows, "searches": searches, "keys": keys, "opens": opens, "zooms": zooms, "accessible": isAccessible, "prints": prints,
	} {
		t.Run(name, func(t *testing.T) {
			page := open(t, browser, path)
			test(page)
			page.wantQuiet()
		})
	}
	t.Run("hostile", func(t *testing.T) {
		page := open(t, browser, write(t, report.Options{Command: hostile}, nil, hostileRun()))
		page.press("j", "j", "Enter")
		page.until("document.querySelector('dialog').open")
		page.want("window.owned === undefined && document.querySelectorAll('img').length === 0", true)
		page.want("document.querySelector('#test-output pre .c1').textContent", "red")
		page.wantAccessible()
		page.wantQuiet()
	})
	t.Run("without script", func(t *testing.T) {
		page := newTab(t, browser)
		call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		page.do(chromedp.Navigate("file://" + path))
		call(page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
		text := eval[string](page, "document.body.innerText")
		for _, want := range []string{"Tests failed", "2 failed", "cart_test.go:31: total: got 30, want 42", "connection refused", "sleep 3600", "TestDraft", "need JavaScript"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
		page.want("document.getElementById('controls').checkVisibility() || document.getElementById('tests').checkVisibility()", false)
	})
	t.Run("picture", func(t *testing.T) {
		if *update {
			picture(open(t, browser, path))
		}
	})
	t.Run("large", func(t *testing.T) { large(t, browser) })
}

// shows has all that a run can have in its place.
func shows(page *tab) {
	page.want("document.querySelector('h1').textContent", "Tests failed")
	page.want("[...document.querySelectorAll('.totals li')].map((e) => e.textContent)", []string{
		"2 failed", "1 flaky", "1 skipped", "42 passed", "2 not run", "1 leaked processes", "46 tests in 4 packages",
	})
	page.want("[...document.querySelectorAll('main h2')].filter((e) => e.checkVisibility()).map((e) => e.textContent)", []string{
		"Failed 2", "Flaky 1", "Not run", "Leaked processes", "Coverage", "Slowest", "Timeline", "Critical path", "Tests 49", "Packages",
	})
	page.want("[...document.querySelectorAll('.failure h3')].map((e) => e.textContent)", []string{"TestTotal", "TestPages", "TestRetry"})
	page.want("document.querySelector('.failure pre').textContent", "    cart_test.go:31: total: got 30, want 42\n")
	page.want("document.querySelector('.flaky pre').textContent", "    store_test.go:9: connection refused\n")
	page.want("[...document.querySelectorAll('.slowest code')].slice(0, 2).map((e) => e.textContent)", []string{"TestSlow", "TestPrice"})
	page.want(rows+".slice(0, 7)", []string{"TestTotal", "TestPages", "TestRetry", "TestSend", "TestDraft", "TestLater", "TestPrice/00"})
	page.want("document.querySelector('#list li').getAttribute('aria-setsize')", "49")
}

// searches narrows what is shown, and shows all again.
func searches(page *tab) {
	page.search("price 1")
	page.want("document.getElementById('query').value", "price 1")
	page.want("document.getElementById('count').textContent", "13 results")
	page.want("[...document.querySelectorAll('.failures, .other')].some((e) => e.checkVisibility())", false)
	page.press("Escape")
	page.want("document.getElementById('query').value", "")
	page.want("document.getElementById('count').textContent", "49 results")
	page.do(chromedp.Click(chromedp.CSS("#filters .flaky")))
	page.want(rows, []string{"TestRetry"})
	page.want("document.querySelector('#filters .flaky').ariaPressed", "true")
	page.want("[...document.querySelectorAll('.failure')].filter((e) => e.checkVisibility()).length", 1)
	page.do(chromedp.Click(chromedp.CSS("#filters .leaked")))
	page.want(rows, []string{"(package)"})
	page.do(chromedp.Click(chromedp.CSS("#filters .slow")))
	page.want(rows, []string{"TestSlow"})
	page.do(chromedp.Click(chromedp.CSS("#filters .all")))
	page.do(chromedp.Evaluate[chromedp.Void]("const sort = document.getElementById('sort'); sort.value = 'took'; sort.dispatchEvent(new Event('change'))"))
	page.want(rows+".slice(0, 2)", []string{"TestSlow", "TestPrice"})
	page.search("no such test")
	page.want("document.getElementById('nothing').checkVisibility()", true)
}

// keys goes through failures and tests with the keyboard.
func keys(page *tab) {
	for _, want := range []string{"TestTotal", "TestPages", "TestRetry", "TestTotal", "TestPages"} {
		page.press("j")
		page.want(focused, want)
	}
	page.press("End")
	page.want(focused, "(package)")
	page.want("document.activeElement.parentElement.getAttribute('aria-posinset')", "49")
	page.press("Home", "k")
	page.want(focused, "TestRetry")
	page.press("k")
	page.want("document.getElementById('f1').open", true)
	page.press("Enter")
	page.want("document.getElementById('f1').open", false)
	page.want("getComputedStyle(document.activeElement).outlineStyle", "solid")
	page.press("?")
	page.want("document.getElementById('keys').open", true)
	page.press("Escape")
	page.want("document.getElementById('keys').open", false)
	page.want(focused, "TestPages")
}

// opens shows a test with what became of it in earlier runs.
func opens(page *tab) {
	page.search("retry")
	page.press("Enter")
	page.want(focused, "TestRetry")
	page.press("j")
	page.want("document.activeElement.querySelector('.unseen').textContent", " last 12 runs: 10 passed, 2 failed")
	page.press("Enter")
	page.want("document.getElementById('test').open", true)
	page.want("document.getElementById('test-name').textContent", "TestRetry")
	page.want("document.getElementById('test-command').textContent", "pgtest -run '^TestRetry$' example.com/shop/store")
	page.want("document.querySelector('#test-output pre').textContent", "    store_test.go:9: connection refused\n")
	page.want("[...document.querySelectorAll('#test-trend tbody tr')].slice(0, 4).map((e) => e.innerText.split('\\t').slice(1))", [][]string{
		{"flaky", "300 ms"}, {"passed", "111 ms"}, {"passed", "110 ms"}, {"failed", "109 ms"},
	})
	page.wantAccessible()
	page.press("Escape")
	page.want("document.getElementById('test').open", false)
	page.want(focused, "TestRetry")
	page.press("Escape", "/", "0", "0", "Enter", "Enter")
	page.want("document.getElementById('test-name').textContent", "TestPrice/00")
	page.want("document.getElementById('test-output').textContent + document.getElementById('test-trend').textContent", "")
}

// zooms moves through the timeline, which is drawn.
func zooms(page *tab) {
	const drawn = `(() => {
		const c = document.querySelector("#chart canvas");
		const pixels = new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer);
		return new Set(pixels).size > 3;
	})()`
	page.until(drawn)
	page.do(chromedp.Focus(chromedp.CSS("#chart")))
	whole := eval[string](page, "document.getElementById('chart').dataset.view")
	page.press("+", "+", "ArrowRight", "-")
	page.want("document.getElementById('chart').dataset.view !== '"+whole+"'", true)
	page.press("0")
	page.want("document.getElementById('chart').dataset.view", whole)
	page.press("ArrowDown", "ArrowDown")
	page.want("document.getElementById('span').textContent", "cart · package · failed · 1.79 s · from 0 ms to 1.787 s · on the critical path")
	for range 100 {
		if strings.HasPrefix(eval[string](page, "document.getElementById('span').textContent"), "TestSlow · test") {
			break
		}
		page.press("ArrowDown")
	}
	page.press("Enter")
	page.want("document.getElementById('test').open", true)
	page.want("document.getElementById('test-name').textContent", "TestSlow")
}

// isAccessible looks at the page in both themes, wide and narrow.
func isAccessible(page *tab) {
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 400} {
			page.media("screen", theme)
			page.do(chromedp.EmulateViewport(width, 900))
			page.want("matchMedia('(prefers-color-scheme: dark)').matches", theme == "dark")
			page.want("document.documentElement.scrollWidth", width)
			page.wantAccessible()
		}
	}
}

// prints has everything open on paper, and nothing that is of use on a screen
// alone.
func prints(page *tab) {
	page.do(chromedp.Evaluate[chromedp.Void]("document.querySelector('.failure').open = false; dispatchEvent(new Event('beforeprint'))"))
	page.media("print", "light")
	page.want("[...document.querySelectorAll('.failure')].every((e) => e.open)", true)
	page.want("['controls', 'tests', 'timeline'].some((id) => document.getElementById(id).checkVisibility())", false)
	page.do(chromedp.Evaluate[chromedp.Void]("dispatchEvent(new Event('afterprint'))"))
	page.want("document.querySelector('.failure').open", false)
}

// large opens a run of 20,000 tests, of which some fail, and one of as many that
// all fail. With the race detector they are smaller: it is no browser's business.
func large(t *testing.T, browser context.Context) {
	count := 20_000
	if race.Enabled {
		count = 2000
	}
	for _, fail := range []int{1000, 1} { // one of so many tests fails
		var s stream
		for i := range count {
			pkg, name := fmt.Sprintf("%s/p%02d", module, i/200), fmt.Sprintf("TestNumber%05d", i)
			if i%fail == 0 {
				s.test(pkg, name, "fail", time.Millisecond, "    x_test.go:1: no\n")
			} else {
				s.test(pkg, name, "pass", time.Millisecond)
			}
			if i%200 == 199 {
				s.end(pkg, map[bool]string{true: "fail", false: "pass"}[i/200*200%fail == 0 || fail == 1])
			}
		}
		path := write(t, report.Options{}, nil, &s)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		page := open(t, browser, path)
		page.until("performance.getEntriesByName('ready').length")
		took := eval[float64](page, "performance.getEntriesByName('ready')[0].startTime")
		t.Logf("%d tests of which %d failed, %d KB: opened in %.0f ms", count, count/fail, info.Size()>>10, took)
		page.want("document.getElementById('count').textContent.replace(',', '')", fmt.Sprintf("%d results", count))
		page.want("document.querySelectorAll('#list li').length < 100", true)
		page.search(fmt.Sprintf("%05d", count-1))
		page.press("Enter")
		page.want(focused, fmt.Sprintf("TestNumber%05d", count-1))
		page.wantQuiet()
	}
}

// picture makes the one in the docs.
func picture(page *tab) {
	page.media("screen", "light")
	page.do(chromedp.EmulateViewport(1100, 1180))
	page.do(chromedp.Evaluate[chromedp.Void]("document.querySelectorAll('.failure')[1].open = false"))
	image, err := chromedp.Run(page, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile("../../docs/report.png", image, 0o666)
	}
	if err != nil {
		page.t.Fatal(err)
	}
}
