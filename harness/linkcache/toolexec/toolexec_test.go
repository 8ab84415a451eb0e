package toolexec

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []Command{
		{Words: []string{"/go/compile", "--dir=x"}},
		{Dir: "/c", Wrap: 2, Words: []string{"w", "-x", "/go/link", "-V=full"}},
		{Dir: "/c", Outcomes: "/tmp/run/links", Words: []string{"/go/link"}},
		{Record: "/r", Words: []string{"gcc"}},
		{Places: "/tmp/run", AtOnce: 4, Words: []string{"/go/compile", "-o"}},
		{Quick: true, Words: []string{"/go/compile", "-o"}},
	} {
		if got := Parse(c.Args()); !reflect.DeepEqual(got, c) {
			t.Errorf("Parse(%q) = %+v", c.Args(), got)
		}
	}
}

func TestQuick(t *testing.T) {
	quick := func(c Command) bool { return slices.Contains(c.environ(), "GOGC=off") }
	compile := Command{Quick: true, Words: []string{"/go/pkg/tool/x/compile", "-o"}}
	if !quick(compile) {
		t.Error("the compiler collects garbage")
	}
	if quick(Command{Words: compile.Words}) || quick(Command{Quick: true, Words: []string{"/go/pkg/tool/x/vet"}}) {
		t.Error("another tool collects none")
	}
	t.Setenv("GOGC", "50")
	if quick(compile) {
		t.Error("the user's GOGC is overridden")
	}
}

func TestIsDirect(t *testing.T) {
	for words, want := range map[string]bool{
		"--dir=/c /go/pkg/tool/os_arch/compile -o x":          true,
		"--dir=/c /go/pkg/tool/os_arch/vet x.cfg":             true,
		"--dir=/c /go/pkg/tool/os_arch/compile -V=full":       false,
		"--dir=/c /usr/bin/link -V=full":                      true, // no tool of Go's
		"--dir=/c /go/pkg/tool/os_arch/link -o x":             false,
		"/go/pkg/tool/os_arch/link -o x":                      true,
		"--dir=/c --wrap=1 /w /go/pkg/tool/os_arch/link -o x": false,
		"--dir=/c --wrap=1 /link /go/tool/x/compile -o":       true,
		"--dir=/c --wrap=1 /w /go/pkg/tool/x/link -V=full":    true, // the wrapper may answer otherwise
		"--dir=/c --wrap=1 wrapper /go/pkg/tool/x/compile a":  false,
		"--dir=/c --wrap=1 /w":                                false,
		"--record=/r /usr/bin/gcc x":                          false,
		"":                                                    false,
	} {
		if got := Parse(strings.Fields(words)).isDirect(); got != want {
			t.Errorf("%s: %v", words, got)
		}
	}
}
