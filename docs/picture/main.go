//go:build unix

// Picture draws what a terminal shows of pgtest while tests run, as an SVG, and
// writes what a run of the demo prints into the README. For the drawing it makes a
// module whose tests take a while, runs them twice, so that pgtest knows how long
// they take, and draws the second run's screen when enough has happened. Run it in
// the module's directory.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"html"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"pgtest/harness/harnesstest"
)

const width, height = 84, 16

// packages are the module's: what its tests are called and how long they take, in
// tenths of a second. One that takes -1 fails.
var packages = map[string]map[string]int{
	"cache":    {"Evict": 3, "Fill": 2},
	"checkout": {"Address": 22, "Card/expired": 31, "Refund": 18},
	"network":  {"Download/large": 45, "Resume": 26},
	"orders":   {"List": 2, "Totals": -1, "Unpaid": 1},
	"parser":   {"Numbers": 1, "Quotes": 2},
	"search":   {"Index": 36, "Rank/ties": 12},
	"server":   {"Graceful": 41, "Restart": 28},
	"users":    {"Login": 15, "Rename": 2},
}

func main() {
	out := flag.String("o", "docs/live.svg", "the `file` to write")
	until := flag.String("until", `[2-5]/8 packages.* left`, "draw the screen when it matches this `pattern`")
	flag.Parse()
	if err := draw(*out, regexp.MustCompile(*until)); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(out string, until *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "pgtest-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	pgtest, err := harnesstest.BuildPgtest(dir)
	if err != nil {
		return err
	}
	if err := writeTranscript(pgtest, "README.md"); err != nil {
		return err
	}
	module := filepath.Join(dir, "shop")
	if err := harnesstest.WriteModule(module, sources()); err != nil {
		return err
	}
	run := func() *exec.Cmd {
		cmd := exec.Command(pgtest, "-count=1", "-p=4", "./...")
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=truecolor", "NO_COLOR=", "CI=", "XDG_STATE_HOME="+filepath.Join(dir, "state"), "GOFLAGS=-buildvcs=false")
		return cmd
	}
	if err := run().Run(); err == nil { // a test fails
		return errors.New("the tests passed")
	}
	screen, err := watch(run(), until)
	if err != nil {
		return err
	}
	defer screen.Close()
	return os.WriteFile(out, []byte(svg(screen)), 0o666)
}

// sources returns the files of the module. The tests of a package run in the order
// of their names, side by side.
func sources() map[string]string {
	files := make(map[string]string)
	for name, tests := range packages {
		var b strings.Builder
		fmt.Fprintf(&b, "package %s\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n", name)
		for test, tenths := range tests {
			root, sub, _ := strings.Cut(test, "/")
			body := fmt.Sprintf("time.Sleep(%d * time.Second / 10)", tenths)
			if tenths < 0 {
				body = "time.Sleep(200 * time.Millisecond); t.Error(\"12.30 EUR, want 12.29 EUR\")"
			}
			if sub != "" {
				body = fmt.Sprintf("t.Run(%q, func(t *testing.T) { %s })", sub, body)
			}
			fmt.Fprintf(&b, "\nfunc Test%s(t *testing.T) {\n\tt.Parallel()\n\t%s\n}\n", root, body)
		}
		files[name+"/"+name+"_test.go"] = b.String()
	}
	return files
}

// patience is how long the picture may take to come.
const patience = 2 * time.Minute

// watch runs a command on a terminal until its screen matches, and ends it.
func watch(cmd *exec.Cmd, until *regexp.Regexp) (*vt.Emulator, error) {
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: height, Cols: width})
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer cmd.Wait()
	defer cmd.Process.Signal(os.Interrupt)
	screen := vt.NewEmulator(width, height)
	screen.WriteString("$ pgtest ./...\r\n")
	timeout := time.AfterFunc(patience, func() { cmd.Process.Signal(os.Interrupt) })
	defer timeout.Stop()
	for buf := make([]byte, 4096); ; {
		n, err := terminal.Read(buf)
		screen.Write(buf[:n])
		switch {
		case until.MatchString(screen.String()):
			return screen, nil
		case err != nil:
			return nil, fmt.Errorf("%v is not on the screen:\n%s", until, screen.String())
		}
	}
}

// The picture's measures, in pixels.
const (
	cellWidth, cellHeight = 8.43, 19
	margin                = 14
)

// svg draws a screen: a text element for each line, with parts of one style.
func svg(screen *vt.Emulator) string {
	var b strings.Builder
	lines := len(strings.Split(strings.TrimRight(screen.String(), " \n"), "\n"))
	w, h := width*cellWidth+2*margin, float64(lines*cellHeight+2*margin)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">
<rect width="100%%" height="100%%" rx="8" fill="#1c1f26"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="#d5d9e0">
`, w, h, w, h)
	for y := range lines {
		fmt.Fprintf(&b, `<text y="%d">`, margin+(y+1)*cellHeight-5)
		for x := 0; x < width; {
			text, style, start := "", screen.CellAt(x, y).Style, x
			for ; x < width && screen.CellAt(x, y).Style == style; x++ {
				text += screen.CellAt(x, y).Content
			}
			if strings.TrimSpace(text) != "" {
				fmt.Fprintf(&b, `<tspan x="%.1f"%s>%s</tspan>`, margin+float64(start)*cellWidth, look(style.Fg, style.Attrs), strings.ReplaceAll(html.EscapeString(strings.TrimRight(text, " ")), " ", "&#160;"))
			}
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// brighter are colours of terminals that are hard to read on the picture's ground.
var brighter = map[string]string{"#008000": "#7ec16e", "#800000": "#f0787f", "#808000": "#e0b35a"}

// look returns the attributes of a style.
func look(fg color.Color, attrs uint8) string {
	const bold, faint = 1, 2
	text := ""
	if fg != nil {
		r, g, b, _ := fg.RGBA()
		hex := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
		text += fmt.Sprintf(` fill="%s"`, cmp.Or(brighter[hex], hex))
	}
	if attrs&bold != 0 {
		text += ` font-weight="bold"`
	}
	if attrs&faint != 0 {
		text += ` opacity="0.6"`
	}
	return text
}
