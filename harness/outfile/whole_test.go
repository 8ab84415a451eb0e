package outfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// only fails if the directory holds anything but the names.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the directory holds %v, want %v", got, names)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFile(t *testing.T) {
	t.Run("as the system can", func(t *testing.T) { testFile(t, CreateWhole) })
	t.Run("with a name from the beginning", func(t *testing.T) {
		testFile(t, func(path string) (*Whole, error) {
			f, err := CreateWhole(path)
			f.unnamed = false
			return f, err
		})
	})
}

func testFile(t *testing.T, create func(string) (*Whole, error)) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out", "x.xml")
	f, err := create(path)
	if err != nil {
		t.Fatal(err)
	}
	only(t, filepath.Join(dir, "out"))
	f.Write([]byte("first"))
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	only(t, filepath.Join(dir, "out"), "x.xml")
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}

	f, err = create(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("aborted"))
	if got := content(t, path); got != "first" {
		t.Errorf("before its end the report is %q", got)
	}
	f.Abort()
	f.Abort()
	only(t, filepath.Join(dir, "out"), "x.xml")

	link := filepath.Join(dir, "link.xml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if f, err = create(link); err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("second"))
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "second" {
		t.Errorf("through a link: %q", got)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o604 {
		t.Errorf("the mode is %v", info.Mode())
	}
	only(t, dir, "link.xml", "out")
}

// TestFileKilled has no name of a file appear before all is written, so that a
// run which is killed leaves none.
func TestFileKilled(t *testing.T) {
	dir := t.TempDir()
	if f, err := createUnnamed(dir, 0o600); err != nil {
		t.Skip("the system or the file system has no files without names: ", err)
	} else {
		f.Close()
	}
	for _, old := range []string{"", "x.xml"} {
		f, err := CreateWhole(filepath.Join(dir, "x.xml"))
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte("first"))
		only(t, dir, strings.Fields(old)...)
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		only(t, dir, "x.xml")
	}
}

// TestFileWriteError has a disk that is full half way.
func TestFileWriteError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.xml")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := CreateWhole(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Write([]byte("half"))
	writable := f.f
	if f.f, err = os.Open(writable.Name()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("more")); err == nil {
		t.Error("no error")
	}
	f.f.Close()
	f.f = writable
	if err := f.Commit(); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("Commit returns %v", err)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("the report is %q", got)
	}
	only(t, dir, "x.xml")
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "locked"), 0o555); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                                    dir + ": is a directory",
		filepath.Join(dir, "file", "x.xml"):    filepath.Join(dir, "file", "x.xml") + ": not a directory",
		filepath.Join(dir, "locked", "x.xml"):  filepath.Join(dir, "locked", "x.xml") + ": permission denied",
		filepath.Join(dir, "locked/d", "x.ml"): filepath.Join(dir, "locked/d", "x.ml") + ": permission denied",
	} {
		if strings.Contains(path, "locked") && os.Getuid() == 0 {
			continue // root may write anywhere
		}
		if _, err := CreateWhole(path); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestFileDevice(t *testing.T) {
	f, err := CreateWhole(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := f.Commit(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Error("the device was replaced")
	}
}
