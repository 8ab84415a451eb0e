// Package flags knows pgtest's flags: one table says what each is called, takes
// and does, and parsing, help, completion, environment variables and
// docs/flags.md come from it. It decides which words of a command line are
// pgtest's. Go test's words are for package gotest.
package flags

import (
	"strings"
	"time"

	"pgtest/harness"
	"pgtest/harness/linkcache"
	"pgtest/harness/rerun"
	"pgtest/harness/shard"
	"pgtest/jsonstream/ci"
	"pgtest/jsonstream/format"
	"pgtest/jsonstream/junit"
)

// A Group is a part of the help and of the docs. One without a title continues
// the one before it.
type Group struct {
	Title string
	Rows  []Row
}

// A Row is a flag, or with no value to set another word of a command line.
type Row struct {
	// Name is the flag's without dashes, or other words as they are typed.
	Name string
	// Takes is what the help calls a flag's value.
	Takes string
	// Default is the value that a flag has if nothing sets it; "" is none.
	Default string
	// Text says what it does. {default} stands for Default. A row without a text
	// shares that of the row below it.
	Text string
	value
}

// table returns the flags, bound to options that they set.
func table(o *Options) []Group {
	hidden, packages, debugged := &list{separator: ","}, &list{separator: " "}, &list{separator: "\n"}
	return []Group{
		{"Output", []Row{
			{"format", "name", "", `how to show the events (-f for short, in front of all
words of go test); without it pkgname,
with -v, -bench or -fuzz standard-verbose,
with -json the events themselves`,
				parsed(&o.Format, valid(format.Check), format.Names()...).ofGotestsum("GOTESTSUM_FORMAT")},
			{"format-icons", "name", "", `icons of pkgname and testdox: default, hivis, text,
codicons, octicons, emoticons`,
				parsed(&o.Icons, valid(format.CheckIcons), format.Icons()...).ofGotestsum("GOTESTSUM_FORMAT_ICONS")},
			{"format-hivis", "", "", `--format-icons=hivis, as in old versions of gotestsum`,
				switched(&o.Icons, "hivis", "").asAlias().ofGotestsum("")},
			{"format-hide-empty-pkg", "", "", `do not show packages without tests`, boolean(&o.HideEmpty).ofGotestsum("")},
			{"no-summary", "list", "", "", summary(o).inList(hidden).asAlias().ofGotestsum("")},
			{"hide-summary", "list", "", `parts of the summary to leave out, with commas
between them: skipped, failed, errors, output, all`,
				summary(o).inList(hidden).ofGotestsum("")},
			{"color", "when", "auto", `auto, always, never; auto heeds NO_COLOR,
CLICOLOR_FORCE, and CI systems that show colour`,
				oneOf(&o.Color, "auto", "always", "never")},
			{"no-color", "", "", `--color=never, as gotestsum calls it`,
				switched(&o.Color, "never", "always").asAlias().ofGotestsum("")},
			{"slowest", "n", "0", `list the n slowest packages, with the time that it took
to build them, and the n slowest tests; 0 lists none`,
				parsed(&o.Slowest, notNegative)},
			{"progress", "auto|off", "auto", `on a terminal, say in the last lines how far the run is
and what is running; not with the dots formats and -json:
see docs/live.md`,
				oneOf(&o.Progress, "auto", "off")},
			{"live", "n", "8", `show n running tests there, longest first; {default} by
default`,
				parsed(&o.Live, notNegative)},
			{"keys", "auto|off", "auto", `on a terminal, act on keys while tests run: t what runs, f
failures so far, Enter an empty line, ? help; what is
typed ahead stays for the shell`,
				oneOf(&o.Keys, "auto", "off")},
		}},
		{"Formats", []Row{
			{Name: "dots", Text: `a character for each test`},
			{Name: "dots-v2", Text: `dots, a line for each package`},
			{Name: "pkgname", Text: `a line for each package`},
			{Name: "pkgname-and-test-fails", Text: `a line for each package, and what failed tests print`},
			{Name: "testname", Text: `a line for each test and package`},
			{Name: "testdox", Text: `a sentence for each test`},
			{Name: "github-actions", Text: `testname with groups for GitHub's logs`},
			{Name: "teamcity", Text: `service messages for TeamCity`},
			{Name: "standard-quiet", Text: `as go test`},
			{Name: "standard-verbose", Text: `as go test -v, one package after another; with -bench
or -fuzz and no -v, as go test prints it then`},
			{Name: "standard-json", Text: `as go test -json`},
			{Name: "none", Text: `nothing but the summary`},
		}},
		{"Files", []Row{
			{"junitfile", "path", "", `write a JUnit XML report`, output(&o.JUnit.Path).ofGotestsum("GOTESTSUM_JUNITFILE")},
			{"junitfile-project-name", "name", "", `name of the whole report`,
				parsed(&o.JUnit.Project, valid(nil)).ofGotestsum("GOTESTSUM_JUNITFILE_PROJECT_NAME")},
			{"junitfile-testsuite-name", "how", "full", "",
				parsed(&o.JUnit.SuiteName, junit.NameFormat, junit.NameFormats()...).ofGotestsum("")},
			{"junitfile-testcase-classname", "how", "full", `which part of the package path to use: full, relative,
short`,
				parsed(&o.JUnit.ClassName, junit.NameFormat, junit.NameFormats()...).ofGotestsum("")},
			{"junitfile-hide-empty-pkg", "", "", "", boolean(&o.JUnit.HideEmpty).ofGotestsum("GOTESTSUM_JUNIT_HIDE_EMPTY_PKG")},
			{"junitfile-hide-skipped-tests", "", "", `leave them out of the report`,
				boolean(&o.JUnit.HideSkipped).ofGotestsum("GOTESTSUM_JUNIT_HIDE_SKIPPED_TESTS")},
			{"junitfile-schema", "name", "extended", `what test cases have: extended is all that a reader
takes, junit-10 what the schema of Jenkins' xUnit plugin
allows: see docs/junit.md`,
				named(&o.JUnit.Schema, []string{"extended", "junit-10"}, junit.Extended, junit.Strict)},
			{"junitfile-output", "whose", "failed", `what tests printed: failed, all, none`,
				named(&o.JUnit.Output, []string{"failed", "all", "none"}, junit.OutputOfFailed, junit.OutputOfAll, junit.NoOutput)},
			{"junitfile-max-output", "size", "1MiB", `how much of a test's output to write, {default} by
default, and 12MiB of all tests that failed; 0 is no
limit, as by default with junit-10`,
				parsed(&o.JUnit.MaxOutput, limit)},
			{"report", "path", "", `write a page for a browser, one HTML file: failures,
slow and flaky tests, a timeline, a list of all tests
with a search; see docs/report.md`, output(&o.Report)},
			{"jsonfile", "path", "", `write the events and nothing else, an end for everything
that started; pgtest - <path shows them again`,
				output(&o.JSONFile).ofGotestsum("GOTESTSUM_JSONFILE")},
			{"jsonfile-timing-events", "path", "", `the same with the ends of tests and packages alone, for
pgtest tool slowest and ci-matrix`,
				output(&o.TimingFile).ofGotestsum("GOTESTSUM_JSONFILE_TIMING_EVENTS")},
			{"timeline", "path", "", `write when everything was built and run, and what the
run waited for, for ui.perfetto.dev: see docs/timeline.md`,
				output(&o.Timeline)},
		}},
		{"CI systems", []Row{
			{"ci", "system", "auto", `write annotations, a job summary and folds for the
system: github, gitlab, buildkite, teamcity, azure;
auto is the one that it runs in, off is none: see
docs/ci.md`,
				parsed(&o.CI, parseCI, ci.Names()...)},
			{"summaryfile", "path", "", `write totals, failed and flaky tests, leaks and the
slowest tests as Markdown`, output(&o.SummaryFile)},
		}},
		{"Coverage", []Row{
			{"coverage-min", "percentage", "", `fail if less of the statements is covered, as 80%. This
flag and the others here make go test write a profile,
if -coverprofile does not; see docs/coverage.md`,
				parsed(&o.Coverage.Min, percentage).asPrivate()},
			{"coverage-cobertura", "path", "", `write the coverage of each line as a Cobertura report`, output(&o.Coverage.Cobertura)},
			{"coverage-lcov", "path", "", `write it as a tracefile of LCOV`, output(&o.Coverage.LCOV)},
			{"coverage-diff", "ref", "", `show the coverage of the lines that changed since the
last commit that HEAD has in common with a git reference`,
				parsed(&o.Coverage.Diff, valid(nil)).asPrivate()},
			{"coverage-diff-min", "percentage", "", `fail if less of these lines is covered`,
				parsed(&o.Coverage.DiffMin, percentage).asPrivate()},
		}},
		{"What runs", []Row{
			{"packages", "list", "", `packages to test, with spaces between them, besides
those among the words of go test; without any
TEST_DIRECTORY, if it is set`,
				parsed(&o.Packages, fields).inList(packages).ofGotestsum("")},
			{"changed", "[=ref]", "", `run the packages that changes reach, committed or not,
since the last commit that HEAD has in common with a git
reference, by default the remote's default branch; ./...
without packages: see docs/changed.md`,
				optional(parsed(&o.Changed, parseChanged)).asPrivate()},
			{"why", "", "", `say with --changed how the changes come to each package`,
				boolean(&o.Why).asPrivate()},
			{"fuzz-all", "[=time]", "", `fuzz all targets of the packages one after another, for
10m altogether or so long: see docs/fuzzing.md`,
				optional(parsed(&o.FuzzAll, parseFuzzTime)).asCommand()},
			{"order", "auto|source", "auto", `test packages that failed last time first, then those
that take longest, as the history knows them; source
leaves them in the order of the command line`,
				oneOf(&o.Order, "auto", "source")},
			{"package-procs", "n", "", `how many packages run at once, while -p says how much is
built at once; -p by default, and what waits counts for
no -timeout: see docs/places.md`,
				parsed(&o.PackageProcs, positive)},
			{"serial", "", "", `--package-procs=1`, boolean(&o.Serial)},
			{"post-run-command", "command", "", `run it when the files are complete, with the numbers of
tests in its environment: see docs/gotestsum.md`,
				parsed(&o.PostRun, shellWords).asPrivate().ofGotestsum("")},
			{"debug", "", "", `print the commands that are run on standard error`, boolean(&o.Debug).ofGotestsum("")},
		}},
		{"More than one machine", []Row{
			{"shard", "i/n", "", `run one of n parts of the packages, each of which is in
exactly one; auto finds i and n in the environment, and
auto/n finds i: see docs/scale.md`,
				parsed(&o.Shard, shard.Parse).asPrivate()},
			{"shard-plan", "file", "", `divide them as a plan of pgtest tool plan says, which is
the same for all shards`, parsed(&o.ShardPlan, valid(nil)).asPrivate()},
			{"archive", "file", "", `run the tests of an archive, on a machine without Go or
the sources; the flags that choose and show are the
same: see docs/archive.md`, parsed(&o.Archive, valid(nil)).asPrivate()},
			{Name: "pgtest tool archive -o file packages", Text: `build the tests of packages and pack them with the files
that they need`},
			{Name: "pgtest tool plan", Text: `divide packages and tests by the time that they took
before`},
			{Name: "pgtest tool merge files", Text: `show what all shards left, with their coverage
profiles, as one run, with any of the flags above`},
		}},
		{"Other sources of events, instead of go test", []Row{
			{"raw-command", "-- command args...", "", `run a command that prints events`, boolean(&o.RawCommand).ofGotestsum("")},
			{Name: "-", Text: `read events from standard input`},
			{"ignore-non-json-output-lines", "", "", `show lines that are no events on standard error; they
are shown in any case`,
				boolean(&o.ForeignToStderr).ofGotestsum("")},
		}},
		{"Processes", []Row{
			{"leaks", "how", "warn", `what a process means that a test left behind: warn
(report it), fail, ignore; it is ended in any case`,
				named(&o.Leaks, []string{"warn", "fail", "ignore"}, harness.WarnLeaks, harness.FailLeaks, harness.IgnoreLeaks)},
			{"resources", "", "", `show CPU time and peak memory of each package's
processes, largest first; ≤ where the peak is no more
than what pgtest itself hands on`,
				boolean(&o.Resources)},
		}},
		{"", []Row{
			{"isolate", "test", "package", `run each test, example and fuzz target's seeds in a
process of its own; test:./db/...,./x for some
packages; package is one process for all tests.
TestMain runs once for each test and twice more; a
test that does not begin fails`,
				parsed(&o.Isolation.Packages, parseIsolate, "test", "test:", "package")},
			{"test-procs", "n", "", `how many tests of a package run at once with --isolate
test; GOMAXPROCS shared among packages by default`,
				parsed(&o.Isolation.Processes, positive)},
			{"test-timeout", "time", "", `end a test that runs longer: SIGQUIT, then SIGKILL;
without --isolate test its package ends with it`,
				parsed(&o.TestTimeout, durationFrom(0))},
			{"stress", "[=n|time]", "", `run the tests of each package again and again, several
processes at once, until one fails, n times, or for so
long; what repeats the failure is kept. The limit of
--test-timeout is for a whole run, --test-procs is how
many run at once`,
				optional(parsed(&o.Stress, parseStress))},
			{"slow-after", "time", "1m", `say that a test is slow, once; {default} by default, 0 never`,
				parsed(&o.SlowAfter, durationFrom(0))},
		}},
		{"Tests that fail", []Row{
			{"failed", "[=then-all]", "", `run what has not passed since it last failed, was
interrupted or not reached; with then-all everything
once it has passed: see docs/history.md`,
				optional(named(&o.Failed, []string{"true", "then-all", "false"}, OnlyFailed, FailedFirst, NotFailed)).asCommand()},
			{"max-fails", "n[:now]", "", `end the run after n failures, counted as in the summary:
what runs is interrupted and has its --grace, with :now
it is killed; what did not run is reported`,
				parsed(&o.MaxFails, parseMaxFails).ofGotestsum("")},
			{"rerun-fails", "[=n]", "", `run failed tests again until they pass, n times at most,
2 without n; see docs/reruns.md`,
				optional(parsed(&o.Rerun.Attempts, attempts)).ofGotestsum("")},
			{"rerun-fails-max-failures", "n", "10", `run none again if more than n failed at first; {default} by default`,
				parsed(&o.Rerun.MaxFailures, notNegative).ofGotestsum("")},
			{"rerun-fails-run-root-test", "", "", `run the whole test again if a subtest of it failed`,
				boolean(&o.Rerun.RootTests).ofGotestsum("")},
			{"rerun-fails-abort-on-data-race", "", "", `run none again if there was a data race; by default
the tests that had one are not; =false runs them, too`,
				optional(named(&o.Rerun.Races, []string{"true", "false"}, rerun.AbortOnRace, rerun.RerunRaces)).ofGotestsum("")},
			{"rerun-fails-isolated", "", "", `run each again in a process of its own, and say which
pass when alone`, boolean(&o.Rerun.Alone)},
			{"rerun-fails-report", "path", "", `write how often each of them ran and failed`, output(&o.Rerun.Report).ofGotestsum("")},
			{"flaky", "how", "pass", `what a test means that passes when it runs again: pass,
fail; {default} by default`,
				named(&o.Rerun.FailFlaky, []string{"pass", "fail"}, false, true)},
		}},
		{"Signals", []Row{
			{"grace", "duration", "10s", `how long tests may take to end after Ctrl-C, SIGTERM or
SIGHUP before they are killed; {default} by default`,
				parsed(&o.Grace, durationFrom(time.Nanosecond))},
			{"tty", "auto|off", "auto", `hold the terminal while the output goes into a pipe, so
that Ctrl-C and Ctrl-Z reach the tests and not the
pipe's reader; {default} by default`,
				oneOf(&o.TTY, "auto", TTYTests, "off")},
			{Name: "--tty tests", Text: `leave the terminal to the tests, one package at a time:
they can ask for a password at /dev/tty, and Ctrl-C
reaches the whole job, as with go test`},
		}},
		{"Watching", []Row{
			{"watch", "", "", `wait for saved files, and run the tests of their
packages and of those that import them; ? lists the
keys`, command(&o.Watch).ofGotestsum("")},
			{"watch-chdir", "", "", `run them in the directory of the package, and look into
all modules below this directory`, boolean(&o.WatchChdir).ofGotestsum("")},
			{"watch-clear", "", "", `clear the screen before each run`, boolean(&o.WatchClear).ofGotestsum("")},
		}},
		{"Debugging", []Row{
			{"debug-test", "test", "", `build the test binary of the one package that has the
test, and run dlv on it, with a stop in the test; may be
given several times; '' stops nowhere: see
docs/debugging.md`,
				parsed(&o.DebugTests, testNames).inList(debugged).asCommand()},
			{"tracer", "command", "", `run each test binary through a program, such as
'strace -f -o trace', behind that of -exec; with
--debug-test in place of dlv`,
				parsed(&o.Tracer, shellWords).asPrivate()},
		}},
		{"Link cache", []Row{
			{"link-cache", "on|off", "on", `keep linked test binaries between runs; {default} by default`,
				named(&o.LinkCache, []string{"on", "off"}, true, false)},
			{"link-cache-size", "size", "4GiB", `how much of them to keep; {default} by default`,
				parsed(&o.LinkCacheSize, linkcache.ParseSize)},
			{Name: "pgtest tool cache", Text: `print where they are, the hit rate, and what is not kept`},
			{Name: "pgtest tool cache clean", Text: `remove them`},
		}},
		{"History", []Row{
			{"history", "auto|off", "auto", `keep the events of each run, and what came of it, for
--failed and these tools; {default} by default: see
docs/history.md`,
				oneOf(&o.History, "auto", "off")},
			{Name: "pgtest tool history", Text: `list the runs; history show, export, import and clean
show one, copy it to a file and back, remove all`},
			{Name: "pgtest tool flaky", Text: `list the tests that both passed and failed at the same
commit; --write puts them into quarantine in pgtest.toml`},
			{Name: "pgtest tool replay [run] [flags]", Text: `show a run again, the last by default, with any of the
flags above`},
		}},
		{"Configuration", []Row{
			{"config", "file", "", `read settings from it instead of pgtest.toml; off reads
none: see docs/config.md`, parsed(&o.Config, valid(nil)).asPrivate()},
			{"profile", "name", "", `use the settings of a profile`, parsed(&o.Profile, valid(nil)).asPrivate()},
			{Name: "pgtest tool config show [package [test]]", Text: `print each setting and where it comes from, with any of
the flags above, or what overrides say of a package or
test`},
			{Name: "pgtest tool config schema", Text: `print the JSON schema of pgtest.toml`},
		}},
		{"Tools", []Row{
			{Name: "pgtest tool slowest", Text: `find the slowest tests in an event file, or make -short
skip them`},
			{Name: "pgtest tool report [file]", Text: `show an event file again, or standard input, with any of
the flags above: formats, JUnit, what CI systems read`},
			{Name: "pgtest tool ci-matrix", Text: `share packages among the jobs of a CI run by the time
that they took before`},
		}},
		{"Shell completion and manual", []Row{
			{Name: "pgtest tool completion " + strings.Join(Shells, "|"), Text: `print what makes a shell complete flags and their values,
packages, and names of tests: for bash
source <(pgtest tool completion bash), for zsh with zsh,
for fish pgtest tool completion fish | source`},
			{Name: "pgtest tool man", Text: `print the manual page: pgtest tool man | man -l -`},
		}},
		{"", []Row{
			{"version", "", "", `print the version`, command(&o.Version).ofGotestsum("")},
			{"help", "", "", `print this text`, command(&o.Help).ofGotestsum("")},
		}},
	}
}
