package linkcache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgtest/harness/gotest"
)

func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "user", "pgtest", "link")
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want 0700", info.Mode(), err)
	}
}

func TestOpenUnusable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	writeFile(t, file, "", 0o600)
	for path, want := range map[string]string{
		file:                             "not a directory",
		filepath.Join(file, "sub"):       "not a directory",
		filepath.Join("/proc/1/no/link"): "/proc/1/no",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s): %v, want %q", path, err, want)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("another user's directory: %v", err)
	}
}

func TestToolexec(t *testing.T) {
	c := &Cache{dir: "/home/a b/link"}
	value, err := c.Toolexec("/opt/pgtest", []string{"toolstash", "-cmp"})
	if err != nil {
		t.Fatal(err)
	}
	words, err := gotest.SplitQuoted(value)
	want := []string{"/opt/pgtest", "__tool", "--dir=/home/a b/link", "--wrap=2", "toolstash", "-cmp"}
	if err != nil || !slices.Equal(words, want) {
		t.Errorf("%q, %v", words, err)
	}
	if _, err := c.Toolexec(`it's "quoted"`, nil); err == nil {
		t.Error("a word with both kinds of quotes was passed on")
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1234": 1234, "4GiB": 4 << 30, "500M": 500 << 20, "1.5g": 3 << 29, " 2 tb": 2 << 40, "7KB": 7 << 10, "8B": 8,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "GiB", "-1", "NaN", "inf", "4 GiB of it", "9999999T", "1ki", "1i", "1 2",
		"Ⱥ", "1Ⱥ", "1\u212a", "İ", "1\xff", "\x80", " ", ".", "1e3", "0x10", "1_0", "+1", "9223372036854775808", strings.Repeat("9", 400)} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d", in, got)
		}
	}
}
