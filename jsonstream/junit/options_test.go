package junit

import (
	"strings"
	"testing"
)

func TestNameFormat(t *testing.T) {
	for format, want := range map[string]string{"full": "example.com/a/b", "": "example.com/a/b", "short": "b", "relative": "example.com/a/b"} {
		f, err := NameFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		if got := f("example.com/a/b"); got != want {
			t.Errorf("%s: %s", format, got)
		}
	}
	if _, err := NameFormat("long"); err == nil || !strings.Contains(err.Error(), "full, relative, short") {
		t.Error(err)
	}
}
