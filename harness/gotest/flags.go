package gotest

import (
	"maps"
	"slices"
	"strings"
)

// buildFlags are the flags of go test that it does not pass to the test binary,
// true for those that need no value. TestGoTestFlags compares them with the go
// command.
var buildFlags = map[string]bool{
	"C": false, "a": true, "n": true, "p": false, "race": true, "msan": true, "asan": true,
	"cover": true, "covermode": false, "coverpkg": false, "work": true, "x": true,
	"asmflags": false, "buildmode": false, "buildvcs": true, "compiler": false,
	"gccgoflags": false, "gcflags": false, "installsuffix": false, "json": true,
	"ldflags": false, "linkshared": true, "mod": false, "modcacherw": true, "modfile": false,
	"overlay": false, "pgo": false, "pkgdir": false, "tags": false, "trimpath": true,
	"toolexec": false, "debug-actiongraph": false, "debug-runtime-trace": false, "debug-trace": false,
	"c": true, "exec": false, "o": false, "vet": false,
}

// fileFlags are the build flags that decide which files a package has.
var fileFlags = []string{"tags", "mod", "modfile", "overlay", "race", "msan", "asan", "compiler"}

// testFlags are those that go test passes to the test binary. Go test also
// accepts them with test. before the name.
var testFlags = map[string]bool{
	"artifacts": true, "bench": false, "benchmem": true, "benchtime": false,
	"blockprofile": false, "blockprofilerate": false, "count": false, "coverprofile": false,
	"cpu": false, "cpuprofile": false, "failfast": true, "fullpath": true, "fuzz": false,
	"fuzzminimizetime": false, "fuzztime": false, "list": false, "memprofile": false,
	"memprofilerate": false, "mutexprofile": false, "mutexprofilefraction": false,
	"outputdir": false, "parallel": false, "run": false, "short": true, "shuffle": false,
	"skip": false, "timeout": false, "trace": false, "v": true,
}

// values are those that flags take, where there are few. Of -vet they are the
// checks that go vet makes.
var values = map[string][]string{
	"buildmode": {"default", "exe", "pie", "plugin", "shared", "archive", "c-archive", "c-shared"},
	"buildvcs":  {"auto", "true", "false"}, "compiler": {"gc", "gccgo"}, "covermode": {"set", "count", "atomic"},
	"mod": {"readonly", "vendor", "mod"}, "pgo": {"auto", "off"}, "shuffle": {"on", "off"},
	"vet": {"all", "off", "atomic", "bool", "buildtags", "directive", "errorsas", "ifaceassert", "nilfunc", "printf", "stringintconv", "tests"},
}

// Values returns the values that a flag of go test takes, in the words of which
// a user types one, or nil if there are too many.
func Values(name string) []string {
	if boolean, _ := KnowsFlag(name); boolean && values[name] == nil {
		return []string{"true", "false"}
	}
	return values[strings.TrimPrefix(name, "test.")]
}

// KnowsFlag reports whether go test has a flag of that name, and whether the
// flag needs no value.
func KnowsFlag(name string) (boolean, known bool) {
	if boolean, known = testFlags[strings.TrimPrefix(name, "test.")]; !known {
		boolean, known = buildFlags[name]
	}
	return boolean, known
}

// FlagNames returns the names of go test's flags, without those that begin with
// test., in unspecified order.
func FlagNames() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(buildFlags)), maps.Keys(testFlags))
}

// A Flag is a word of a command line, parsed as a flag.
type Flag struct {
	Word   string
	Dashes int // 0, 1 or 2
	// Name is "" if the word is no flag to the go command and package flag.
	Name, Value string
	HasValue    bool
}

// CutFlag parses -name, --name, -name=value or --name=value.
func CutFlag(word string) Flag {
	f := Flag{Word: word}
	rest, ok := strings.CutPrefix(word, "-")
	if !ok {
		return f
	}
	f.Dashes = 1
	if r, ok := strings.CutPrefix(rest, "-"); ok {
		f.Dashes, rest = 2, r
	}
	if rest == "" || rest[0] == '-' || rest[0] == '=' {
		return f
	}
	f.Name, f.Value, f.HasValue = strings.Cut(rest, "=")
	return f
}
