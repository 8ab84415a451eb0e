package names

import "testing"

func TestÜmlaut(t *testing.T) {}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "with space", "a/b", `quo"te`, "back\\slash", "<&>", "tab\there", "nul\x00", "bad\xff", "日本", "", "---", "=== RUN"} {
		t.Run(name, func(t *testing.T) {
			t.Log("in " + name)
			if name == "<&>" || name == "a/b" || name == "bad\xff" {
				t.Fail()
			}
		})
	}
}
