//go:build unix

package debugger

import (
	"encoding/json"
	"fmt"
	"os"

	"pgtest/harness/internal/words"
)

// Role is the first argument of a pgtest that tells how go test would start a
// test binary, in the place of the binary.
const Role = "__start"

// options are the role's.
type options struct {
	File string // to write
}

// A start is how go test starts a test binary. The words are bytes, because JSON
// strings would change those that are not UTF-8.
type start struct {
	Dir       []byte
	Env, Args [][]byte
}

// Main runs the role with the words that follow its name: options, the test
// binary, and its arguments. It returns the exit status.
func Main(args []string) int {
	var opts options
	command, err := words.Parse(Role, args, &opts)
	if err == nil {
		err = writeStart(opts.File, command[1:])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		return 1
	}
	return 0
}

func writeStart(path string, args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := json.Marshal(start{[]byte(dir), toBytes(os.Environ()), toBytes(args)})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func readStart(path string) (s start, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func (s start) env() []string  { return toStrings(s.Env) }
func (s start) args() []string { return toStrings(s.Args) }

func toBytes(list []string) [][]byte {
	words := make([][]byte, len(list))
	for i, word := range list {
		words[i] = []byte(word)
	}
	return words
}

func toStrings(list [][]byte) []string {
	words := make([]string, len(list))
	for i, word := range list {
		words[i] = string(word)
	}
	return words
}
