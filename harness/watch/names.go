package watch

import (
	"path/filepath"
	"strings"
)

// isTemporary reports whether a name is one of those that editors and git use
// for a moment while they save: vim's backup, swap file and 4913, emacs' backup,
// auto-save file and lock, and the files of JetBrains' safe write, GLib and sed.
func isTemporary(base string) bool {
	for _, prefix := range []string{".#", "#", ".goutputstream-"} {
		if strings.HasPrefix(base, prefix) {
			return true
		}
	}
	for _, suffix := range []string{"~", ".swp", ".swo", ".swx", ".swpx", "___jb_tmp___", "___jb_old___"} {
		if strings.HasSuffix(base, suffix) {
			return true
		}
	}
	return base == "4913" || len(base) == len("sedXXXXXX") && strings.HasPrefix(base, "sed") && filepath.Ext(base) == ""
}

// Ignores reports whether nothing is watched in a directory of this name, nor
// below it. Those that begin with . or _ are no packages to the go command.
func Ignores(base string) bool { return isIgnoredDir(base, false) }

// isIgnoredDir is Ignores, also for a directory that has one named testdata above
// it. A vendor directory is somebody's fixture there.
func isIgnoredDir(base string, testdata bool) bool {
	return base == "" || base[0] == '.' || base[0] == '_' || base == "node_modules" || base == "vendor" && !testdata
}
