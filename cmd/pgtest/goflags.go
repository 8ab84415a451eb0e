package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"pgtest/harness/gotest"
)

// buildFlags are the flags of go test that it keeps for itself, true for those
// that need no value. TestGoTestFlags compares them with the go command.
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

// testFlags are those that it hands to the test binary. It takes them with
// test. before their name as well.
var testFlags = map[string]bool{
	"artifacts": true, "bench": false, "benchmem": true, "benchtime": false,
	"blockprofile": false, "blockprofilerate": false, "count": false, "coverprofile": false,
	"cpu": false, "cpuprofile": false, "failfast": true, "fullpath": true, "fuzz": false,
	"fuzzminimizetime": false, "fuzztime": false, "list": false, "memprofile": false,
	"memprofilerate": false, "mutexprofile": false, "mutexprofilefraction": false,
	"outputdir": false, "parallel": false, "run": false, "short": true, "shuffle": false,
	"skip": false, "timeout": false, "trace": false, "v": true,
}

// goTestFlag tells whether a flag is one of go test's, and whether it needs no
// value.
func goTestFlag(name string) (boolean, known bool) {
	if boolean, known = testFlags[strings.TrimPrefix(name, "test.")]; !known {
		boolean, known = buildFlags[name]
	}
	return boolean, known
}

// fromGOFLAGS returns the flags that GOFLAGS sets. A list that the go command
// can't read either is left for it to complain about.
func fromGOFLAGS() goFlags {
	var f goFlags
	list, err := gotest.SplitQuoted(goEnv("GOFLAGS"))
	if err != nil {
		return goFlags{}
	}
	for _, word := range list {
		word := cutFlag(word)
		if _, known := goTestFlag(word.name); !known {
			continue // a flag of another go command
		}
		if _, err := f.set(word.name, word.value, word.hasValue); err != nil {
			return goFlags{}
		}
	}
	return f
}

// goEnv returns a setting of the go command as go env would: from the
// environment, else from the file that go env -w writes. Asking the go command
// would take longer than many a cached run.
func goEnv(name string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	path := os.Getenv("GOENV")
	if path == "off" {
		return ""
	}
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return ""
		}
		path = filepath.Join(dir, "go", "env")
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	value := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if v, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), name+"="); ok {
			value = v
		}
	}
	return value
}
