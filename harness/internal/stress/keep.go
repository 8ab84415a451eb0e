//go:build unix

package stress

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/harness/internal/testproc"
)

// keep prints what a failed run printed, and keeps it with what repeats the
// run: the test binary, its environment, and a script that starts it as it was
// started. It returns the script's path.
func (r *runner) keep(failed *run) (script string, err error) {
	dir, err := os.MkdirTemp("", "pgtest-stress-")
	if err != nil {
		return "", errors.Join(err, failed.output.CopyTo(stdout))
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return "", errors.Join(err, failed.output.CopyTo(stdout))
	}
	err = failed.output.CopyTo(io.MultiWriter(stdout, output))
	seed := seedIn(output)
	binary := filepath.Join(dir, filepath.Base(r.binary))
	err = errors.Join(err, output.Close(), copyFile(r.binary, binary))
	wd, wdErr := os.Getwd()
	command := append(slices.Clone(r.opts.Via), binary)
	environ := os.Environ()
	slices.Sort(environ)
	script = filepath.Join(dir, "repeat")
	return script, errors.Join(err, wdErr,
		os.WriteFile(filepath.Join(dir, "environ"), []byte(strings.Join(environ, "\n")+"\n"), 0o600),
		os.WriteFile(script, []byte(repeat(wd, environ, append(command, readable(r.args, seed)...))), 0o700))
}

// repeat returns a shell script that runs a command in a directory, with an
// environment and no more.
func repeat(dir string, environ, command []string) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\ncd " + quote(dir) + " && exec env -i \\\n")
	for _, v := range environ {
		if name, _, _ := strings.Cut(v, "="); name != "" {
			b.WriteString("\t" + quote(v) + " \\\n")
		}
	}
	for i, word := range command {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(quote(word))
	}
	return b.String() + ` "$@"` + "\n"
}

// quote quotes a word for a shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// readable returns a run's arguments for somebody who reads its output: without
// the marks of test2json and go test's files, and with the seed that the run
// chose.
func readable(args []string, seed string) []string {
	var more []string
	args = testproc.Filter(args, func(name, _ string) bool {
		switch name {
		case "v":
			more = append(more, "-test.v=true")
		case "shuffle":
			if seed == "" {
				return true
			}
			more = append(more, "-test.shuffle="+seed)
		default:
			return name != "gocoverdir" && name != "outputdir" && name != "paniconexit0"
		}
		return false
	})
	return append(more, args...)
}

// seedIn returns the seed that package testing says it has shuffled the tests
// with, before the first of them, or "".
func seedIn(output *os.File) string {
	lines := bufio.NewScanner(io.NewSectionReader(output, 0, 1<<20))
	for lines.Scan() {
		if seed, ok := strings.CutPrefix(lines.Text(), "-test.shuffle "); ok {
			return seed
		}
		if strings.Contains(lines.Text(), "=== RUN ") {
			break
		}
	}
	return ""
}

// copyFile copies a program.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
