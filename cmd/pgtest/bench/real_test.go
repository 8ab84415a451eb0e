package main

import (
	"slices"
	"strings"
	"testing"
)

// TestFailed finds the same failures in what go test prints and in its events.
func TestFailed(t *testing.T) {
	const text = `--- FAIL: TestA (0.00s)
    --- FAIL: TestA/sub (0.00s)
        a_test.go:3: --- FAIL: TestNone (0.00s)
    --- PASS: TestA/good (0.00s)
FAIL
FAIL	example.com/a	0.003s
ok  	example.com/b	0.002s
?   	example.com/c	[no test files]
# example.com/d
d_test.go:3:1: syntax error
FAIL	example.com/d [build failed]
FAIL
`
	const events = `{"Action":"start","Package":"example.com/a"}
{"Action":"fail","Package":"example.com/a","Test":"TestA/sub"}
{"Action":"fail","Package":"example.com/a","Test":"TestA"}
{"Action":"pass","Package":"example.com/a","Test":"TestA/good"}
{"Action":"fail","Package":"example.com/a"}
{"Action":"pass","Package":"example.com/b"}
{"ImportPath":"example.com/d","Action":"build-fail"}
{"Action":"fail","Package":"example.com/d","FailedBuild":"example.com/d"}
`
	want := []string{"example.com/a", "example.com/a TestA", "example.com/a TestA/sub", "example.com/d"}
	for name, find := range map[string]func() ([]string, error){
		"text":   func() ([]string, error) { return failedOfText(strings.NewReader(text)) },
		"events": func() ([]string, error) { return failedOfEvents(strings.NewReader(events)) },
	} {
		got, err := find()
		if slices.Sort(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
