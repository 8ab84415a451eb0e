package bytes

import (
	"os"
	"strings"
	"testing"
)

func TestBytes(t *testing.T) {
	os.Stdout.WriteString("nul \x00 esc \x1b[31mred\x1b[0m bad \xff\xfe cdata ]]> cr \r\n")
	os.Stdout.WriteString(strings.Repeat("long line ", 2000) + "\n")
	os.Stdout.WriteString("=== RUN   Test of something else\n--- FAIL: TestBytes (0.00s)\n")
	t.Fail()
}
