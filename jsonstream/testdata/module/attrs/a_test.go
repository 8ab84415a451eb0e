package attrs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAttrs(t *testing.T) {
	t.Attr("owner", "storage team")
	t.Attr("issue", "42")
	t.Run("sub", func(t *testing.T) { t.Attr("deep", `a "quoted" value`) })
}

func TestOutputStream(t *testing.T) {
	t.Output().Write([]byte("written to the output\n"))
}

func TestFailsWithAttr(t *testing.T) {
	t.Attr("owner", "nobody")
	t.Fail()
}

func TestArtifacts(t *testing.T) {
	if d, ok := any(t).(interface{ ArtifactDir() string }); ok {
		os.WriteFile(filepath.Join(d.ArtifactDir(), "a"), nil, 0o600)
	}
}
