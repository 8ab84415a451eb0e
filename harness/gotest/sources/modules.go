package sources

import (
	"cmp"
	"context"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pgtest/harness/gotest"
)

// A module is a main one: of the working directory, or of its workspace.
type module struct{ path, dir string }

// hasOther reports whether another module begins in a module, on the way to the
// package with the path rest in it.
func (m module) hasOther(rest string) bool {
	dir := m.dir
	for _, name := range strings.Split(strings.Trim(rest, "/"), "/") {
		if name == "" {
			return false
		}
		dir = filepath.Join(dir, name)
		if exists(filepath.Join(dir, "go.mod")) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// goPatience bounds how long a Locator waits for the go command.
const goPatience = 10 * time.Second

// asks is what go list is asked for each main module.
const asks = "{{.Path}}\t{{.Dir}}{{with context}}\t{{.GOROOT}}\t{{.GOPATH}}\t{{.GOOS}}\t{{.GOARCH}}\t{{.CgoEnabled}}" +
	"\t{{join .BuildTags \",\"}}\t{{join .ReleaseTags \",\"}}\t{{join .ToolTags \",\"}}{{end}}"

// begin asks the go command for the main modules and how it builds, and looks for
// the root of the repository. With -overlay files are not what they seem.
func (l *Locator) begin() {
	if l.began {
		return
	}
	l.began = true
	flags := strings.Join(append([]string{gotest.Env("GOFLAGS")}, l.run.Flags...), " ")
	dir, err := filepath.Abs(l.run.Dir)
	if err != nil || strings.Contains(flags, "-overlay") {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"list", "-m", "-json=false", "-f", asks}, l.run.Flags)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C does not end it
	out, _ := cmd.Output()
	for line := range strings.Lines(string(out)) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(words) == 10 {
			l.asked(words)
		}
	}
	slices.SortFunc(l.modules, func(a, b module) int { return cmp.Compare(len(b.path), len(a.path)) })
	l.root = l.findRoot(dir)
	root, _ := filepath.EvalSymlinks(l.root)
	l.outside = slices.DeleteFunc(l.outside, func(dir string) bool {
		_, ours := within(dir, root)
		return ours
	})
}

func (l *Locator) asked(words []string) {
	if words[1] != "" {
		l.modules = append(l.modules, module{words[0], filepath.Clean(words[1])})
	}
	if l.build != nil {
		return
	}
	list := func(s string) []string {
		return slices.DeleteFunc(strings.Split(s, ","), func(s string) bool { return s == "" })
	}
	l.build = &build.Context{
		GOROOT: words[2], GOPATH: words[3], GOOS: words[4], GOARCH: words[5], CgoEnabled: words[6] == "true", Compiler: "gc",
		BuildTags: list(words[7]), ReleaseTags: list(words[8]), ToolTags: list(words[9]),
	}
	cache := gotest.Env("GOMODCACHE")
	if list := filepath.SplitList(words[3]); cache == "" && len(list) > 0 {
		cache = filepath.Join(list[0], "pkg", "mod")
	}
	for _, dir := range []string{words[2], cache} {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			l.outside = append(l.outside, real)
		}
	}
}

// findRoot returns the root of the repository, for a go command that runs in a
// directory.
func (l *Locator) findRoot(dir string) string {
	if len(l.modules) == 0 {
		return ""
	}
	from := dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		for _, m := range l.modules {
			_, logical := within(m.dir, dir)
			_, physical := within(m.dir, real)
			if logical || physical {
				from = m.dir
				break
			}
		}
	}
	for _, mark := range []string{".git", "go.work"} {
		if mark == "go.work" && len(l.modules) == 1 {
			break
		}
		for at := from; ; at = filepath.Dir(at) {
			if exists(filepath.Join(at, mark)) {
				return at
			}
			if at == filepath.Dir(at) {
				break
			}
		}
	}
	return from
}
