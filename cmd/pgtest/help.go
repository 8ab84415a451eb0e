package main

import (
	"fmt"
	"io"
)

const helpText = `Usage: pgtest [pgtest flags] [go test flags and packages]

Pgtest is go test with a process group for every test binary: signals for the
tests reach the tests and nothing else, and nothing that a test started
outlives the run.

All flags and arguments of go test work as they do there: see go help test,
go help testflag and go help build. Two dashes are pgtest's: its flags may stand
anywhere before -args. One dash is go test's and the test binary's: -format
reaches the test. Each flag of pgtest can be set in the environment too:
PGTEST_FORMAT for --format, PGTEST_JUNITFILE for --junitfile, and so on.

Output:
  --format name           how to show the events (-f for short, in front of all
                          words of go test); without it pkgname,
                          with -v, -bench or -fuzz standard-verbose,
                          with -json the events themselves
  --format-icons name     icons of pkgname and testdox: default, hivis, text,
                          codicons, octicons, emoticons
  --format-hide-empty-pkg do not show packages without tests
  --hide-summary list     parts of the summary to leave out, with commas
                          between them: skipped, failed, errors, output, all
  --color when            auto, always, never; auto heeds NO_COLOR,
                          CLICOLOR_FORCE, and CI systems that show colour
  --progress auto|off     on a terminal, say in a last line what is running; not
                          with the dots formats and -json

Formats:
  dots                    a character for each test
  dots-v2                 dots, a line for each package
  pkgname                 a line for each package
  pkgname-and-test-fails  a line for each package, and what failed tests print
  testname                a line for each test and package
  testdox                 a sentence for each test
  github-actions          testname with groups for GitHub's logs
  standard-quiet          as go test
  standard-verbose        as go test -v, one package after another; with -bench
                          or -fuzz and no -v, as go test prints it then
  standard-json           as go test -json
  none                    nothing but the summary

Files:
  --junitfile path        write a JUnit XML report
  --junitfile-project-name name
                          name of the whole report
  --junitfile-testsuite-name how, --junitfile-testcase-classname how
                          which part of the package path to use: full, relative,
                          short
  --junitfile-hide-empty-pkg, --junitfile-hide-skipped-tests
                          leave them out of the report
  --jsonfile path         write the events and nothing else, an end for everything
                          that started; pgtest - <path shows them again

Other sources of events, instead of go test:
  --raw-command -- command args...
                          run a command that prints them
  -                       read them from standard input
  --ignore-non-json-output-lines
                          accepted as gotestsum's: other lines are always shown

Processes:
  --leaks how             what a process means that a test left behind: warn
                          (report it), fail, ignore; it is ended in any case
  --resources             show CPU time and peak memory of each package's
                          processes, largest first; ≤ where the peak is no more
                          than what pgtest itself hands on

  --isolate test          run each test, example and fuzz target's seeds in a
                          process of its own; test:./db/...,./x for some
                          packages; package is one process for all tests.
                          TestMain runs once for each test and twice more; a
                          test that does not begin fails
  --test-procs n          how many tests of a package run at once with --isolate
                          test; GOMAXPROCS shared among packages by default
  --test-timeout time     end a test that runs longer: SIGQUIT, then SIGKILL;
                          without --isolate test its package ends with it
  --slow-after time       say that a test is slow, once; 1m by default, 0 never

Signals:
  --grace duration        how long tests may take to end after Ctrl-C, SIGTERM or
                          SIGHUP before they are killed; 10s by default
  --tty auto|off          hold the terminal while the output goes into a pipe, so
                          that Ctrl-C and Ctrl-Z reach the tests and not the
                          pipe's reader; auto by default
  --tty tests             leave the terminal to the tests, one package at a time:
                          they can ask for a password at /dev/tty, and Ctrl-C
                          reaches the whole job, as with go test

Link cache:
  --link-cache on|off     keep linked test binaries between runs; on by default
  --link-cache-size size  how much of them to keep; 4GiB by default
  pgtest tool cache       print where they are, the hit rate, and what is not kept
  pgtest tool cache clean remove them

  --version               print the version
  -h, --help              print this text
`

// help prints what pgtest -h says.
func help(w io.Writer) error {
	_, err := fmt.Fprint(w, helpText)
	return err
}
