package watch

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pgtest/harness/harnesstest"
)

// Without enough inotify watches there is a line that says what to do.
func TestWatcherLimit(t *testing.T) {
	if !harnesstest.InNamespaces(t, unix.CLONE_NEWUSER) {
		return
	}
	for name, want := range map[string]string{
		"max_inotify_watches":   "more directories than inotify may watch; raise it with sysctl fs.inotify.max_user_watches",
		"max_inotify_instances": "more programs of this user watch files than inotify allows; raise it with sysctl fs.inotify.max_user_instances",
	} {
		limit := "/proc/sys/user/" + name
		before, err := os.ReadFile(limit)
		if err != nil {
			harnesstest.Missing(t, "%v", err)
		}
		if err := os.WriteFile(limit, []byte("1"), 0); err != nil {
			harnesstest.Missing(t, "%v", err)
		}
		w, err := New(false)
		if err == nil && name == "max_inotify_instances" {
			defer w.Close()
			_, err = New(false)
		} else if err == nil {
			defer w.Close()
			w := &tester{Watcher: w, TB: t, dir: t.TempDir()}
			w.write("p/testdata/x/y", "")
			_, err = w.Watch(w.graph("p"), []string{w.dir})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", name, err, want)
		}
		os.WriteFile(limit, before, 0)
	}
}
