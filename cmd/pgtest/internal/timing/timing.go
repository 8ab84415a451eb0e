// Package timing is the tools that read how long tests took before: gotestsum's
// slowest and ci-matrix, with their flags and, for the same events, their output,
// and plan, which divides a run among machines.
package timing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"gotest.tools/gotestsum/testjson"

	"pgtest/jsonstream/eventfile"
)

// Streams are a tool's standard files.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Tools are those of the package by name. Each gets its name as a user types it,
// and the words behind that.
var Tools = map[string]func(name string, args []string, s Streams) error{
	"slowest": slowest, "ci-matrix": matrix, "plan": plan,
}

// ParseFlags reads flags. It returns false, after it has printed the help, if the
// words ask for that.
func ParseFlags(set *flag.FlagSet, args []string, help string, out io.Writer) (bool, error) {
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	err := set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "Usage:\n    %s [flags]\n\n%s\nFlags:\n", set.Name(), strings.ReplaceAll(help, "NAME", set.Name()))
		set.VisitAll(func(f *flag.Flag) {
			takes, text := flag.UnquoteUsage(f)
			fmt.Fprintf(out, "  %-22s %s\n", strings.TrimSpace("--"+f.Name+" "+takes), text)
		})
		return false, nil
	case err != nil:
		return false, twoDashes(err)
	case set.NArg() > 0:
		return false, fmt.Errorf("%s: %s is no flag", set.Name(), set.Arg(0))
	}
	return true, nil
}

// twoDashes names the flag of an error of package flag as the docs do, in a line.
func twoDashes(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	for _, before := range []string{"flag ", "flag needs an argument: ", "not defined: "} {
		text = strings.Replace(text, before+"-", before+"--", 1)
	}
	return errors.New(strings.ReplaceAll(text, "---", "--"))
}

// scan reads an event file. What tests printed is left out before testjson sees
// it: testjson refuses long lines, and it says nothing about time.
func scan(name string, in io.Reader) (*testjson.Execution, error) {
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		err := copyTimes(w, in)
		w.Close()
		copied <- err
	}()
	execution, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: r})
	r.Close()
	if copyErr := <-copied; copyErr != nil && err == nil {
		err = copyErr
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return execution, nil
}

// copyTimes copies the events that are not outputs. A line that starts with FAIL
// is left out, as testjson does: some versions of go print it among the events.
func copyTimes(w io.Writer, in io.Reader) error {
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 && !bytes.HasPrefix(line, []byte("FAIL")) {
			var event testjson.TestEvent
			if json.Unmarshal(line, &event) != nil {
				return fmt.Errorf("line %d is no event of go test -json", n)
			}
			if event.Action != testjson.ActionOutput && event.Action != testjson.ActionBuild {
				if _, err := w.Write(append(line, '\n')); err != nil {
					return err
				}
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return bare(err)
		}
	}
}

// bare returns an error without the operation and the file.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// debugTo is where the messages of --debug go.
func debugTo(on bool, w io.Writer) io.Writer {
	if on {
		return w
	}
	return io.Discard
}

// open opens an event file, an exported run or a JUnit report.
func open(path string) (io.ReadCloser, error) {
	f, err := eventfile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, bare(err))
	}
	return f, nil
}
