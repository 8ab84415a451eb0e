package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"pgtest/harness/buildcache"
	"pgtest/harness/gotest"
)

// buildVariables are the settings of the go command that most builds differ in.
var buildVariables = []string{"CGO_ENABLED", "GOAMD64", "GOARCH", "GOARM64", "GODEBUG", "GOEXPERIMENT", "GOFLAGS", "GOOS", "GOTOOLCHAIN"}

// cacheProgram returns the GOCACHEPROG of the run's go command: the program that comes
// between that and the user's, or "" to leave the user's.
func (i *invocation) cacheProgram(goPath string) string {
	cache := i.cfg.LinkCache
	if cache == nil || cache.Program == "" || i.cfg.Archive != nil {
		return ""
	}
	program, err := gotest.SplitQuoted(cache.Program)
	if err != nil || len(program) == 0 {
		return ""
	}
	name := program[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(i.cfg.Dir, name)
	}
	if _, err := exec.LookPath(name); err != nil {
		return "" // the go command says so
	}
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	dir, err := filepath.Abs(i.cfg.Dir)
	if err != nil {
		return ""
	}
	description := append([]string{dir, runtime.GOOS, runtime.GOARCH, goVersion(goPath)}, cache.Build...)
	for _, name := range buildVariables {
		description = append(description, gotest.Env(name))
	}
	words := buildcache.Words(buildcache.Options{
		Dir: buildcache.Beside(cache.Dir()), Key: buildcache.Key(description...),
	}, program)
	value, err := gotest.JoinQuoted(append([]string{self}, words...))
	if err != nil {
		return ""
	}
	return value
}

// goVersion returns what the file VERSION says that comes with a go command, or the
// command's name.
func goVersion(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if text, err := os.ReadFile(filepath.Join(filepath.Dir(real), "..", "VERSION")); err == nil {
			return string(text)
		}
	}
	return path
}
