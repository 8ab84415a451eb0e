package gotest

import (
	"bytes"
	"cmp"
	"fmt"
	"os/exec"
	"strings"
)

// Ask runs the go command in a directory, that of the process if it is "", and
// returns what it prints on standard output and on standard error. The text of the
// error is "go", the first of the words and the first line of its messages.
func Ask(dir string, words ...string) (out, messages []byte, err error) {
	cmd := exec.Command("go", words...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err = cmd.Output(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		err = fmt.Errorf("go %s: %s", words[0], cmp.Or(line, err.Error()))
	}
	return out, stderr.Bytes(), err
}
