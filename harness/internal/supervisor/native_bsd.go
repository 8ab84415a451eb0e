//go:build darwin || freebsd

package supervisor

import (
	"debug/buildinfo"
	"runtime"
)

// isNative says from its build information that a file is a binary for this
// system and architecture.
func isNative(path string) bool {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return false
	}
	goos, goarch := false, false
	for _, s := range info.Settings {
		goos = goos || s.Key == "GOOS" && s.Value == runtime.GOOS
		goarch = goarch || s.Key == "GOARCH" && s.Value == runtime.GOARCH
	}
	return goos && goarch
}
