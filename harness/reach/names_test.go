package reach

import "testing"

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"a.go": true, "a.S": true, "_a.go": false, ".a.go": false, "a.txt": false, "a": false} {
		if got := IsSource(name); got != want {
			t.Errorf("IsSource(%s) = %v", name, got)
		}
	}
	for name, want := range map[string]bool{"README.md": true, "x.md": true, "LICENSE": true, "LICENSE.txt": true, "README.go": false, "x.txt": false, "Makefile": false} {
		if got := isDocument(name); got != want {
			t.Errorf("isDocument(%s) = %v", name, got)
		}
	}
	for path, want := range map[string]string{"/m/a/testdata/x": "/m/a", "/m/a/testdata": "/m/a", "/m/testdata/b/testdata/x": "/m", "/m/atestdata/x": ""} {
		if got, ok := cutTestdata(path); ok != (want != "") || ok && got != want {
			t.Errorf("cutTestdata(%s) = %s, %v", path, got, ok)
		}
	}
}
