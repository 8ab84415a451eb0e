package linkcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"pgtest/harness/gotest"
	"pgtest/harness/internal/buildid"
)

// A key identifies what a link produces: links with equal keys have equal
// outputs, provided that the entry's inputs (see input) are unchanged as well.
type key [sha256.Size]byte

func (k key) String() string { return hex.EncodeToString(k[:]) }

// A command is one start of the linker as the go command writes it:
//
//	[user's -toolexec words] .../link -o out -importcfg cfg flags... main.a
type command struct {
	words     []string // all of them
	wrap      int      // how many come before the linker
	output    string
	importcfg string
	flags     []string // between importcfg and main package
	extld     []string // external linker and its own arguments
}

// A notCacheable error is the reason why a link can't be cached: an effect or
// input that an entry does not cover, or a command line that the go command
// does not write.
type notCacheable string

func (reason notCacheable) Error() string { return string(reason) }

const otherCommand notCacheable = "not a link as the go command starts it"

// uncacheableFlags are the flags that make the linker write files besides the
// output, or read files that the importcfg does not name.
var uncacheableFlags = []string{
	"benchmark", "benchmarkprofile", "capturehostobjs", "cpuprofile", "extar", "importcfg",
	"L", "libgcc", "linkshared", "memprofile", "o", "pluginpath", "tmpdir",
}

// parseCommand parses the words of a link, of which the first wrap come before
// the linker.
func parseCommand(words []string, wrap int) (*command, error) {
	args := words[wrap+1:]
	if len(args) < 6 || args[0] != "-o" || args[2] != "-importcfg" || strings.HasPrefix(args[len(args)-1], "-") {
		return nil, otherCommand
	}
	c := &command{words: words, wrap: wrap, output: args[1], importcfg: args[3], flags: args[4 : len(args)-1]}
	var hasBuildID, hasBuildMode bool
	for i, flag := range c.flags {
		f := gotest.CutFlag(flag)
		name, value := f.Name, f.Value
		switch name {
		case "buildid":
			hasBuildID = hasBuildID || len(value) > 20
		case "buildmode":
			if value != "exe" && value != "pie" {
				return nil, notCacheable("-buildmode=" + value)
			}
			hasBuildMode = true
		case "extld":
			if value == "" && i+1 < len(c.flags) {
				value = c.flags[i+1]
			}
			extld, err := gotest.SplitQuoted(value)
			if err != nil || len(extld) == 0 {
				return nil, otherCommand
			}
			c.extld = extld
		case "fipso":
			if i+1 == len(c.flags) || c.flags[i+1] != c.fipsObject() {
				return nil, notCacheable("the linker's flag -fipso")
			}
		}
		if slices.Contains(uncacheableFlags, name) {
			return nil, notCacheable("the linker's flag -" + name)
		}
	}
	if !hasBuildID || !hasBuildMode || c.extld == nil {
		return nil, otherCommand
	}
	return c, nil
}

// fipsObject is where the go command lets the linker write a copy of the FIPS
// module. Nothing reads it.
func (c *command) fipsObject() string { return filepath.Join(filepath.Dir(c.importcfg), "fips.o") }

// linkerVariables are the variables that cmd/link reads through
// internal/buildcfg, and those that C compilers and linkers heed without
// reading other files for them. See changesTools for the rest. GO<arch>,
// GOEXPERIMENT and GO_EXTLINK_ENABLED are part of the action id too.
var linkerVariables = []string{
	"GOROOT", "GOOS", "GOARCH", "GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64",
	"GORISCV64", "GOWASM", "GOEXPERIMENT", "GOFIPS140", "GO_EXTLINK_ENABLED", "GO_LDSO", "CGO_ENABLED",
	"SOURCE_DATE_EPOCH", "GCC_COLORS", "GCC_URLS", "LANG", "LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANGUAGE",
}

// key hashes everything that decides what the linker writes and that is known
// before it runs: the linker, its flags (-buildid starts with the go command's
// action id, which covers every package file by content), the build
// information, the environment. Paths in the go command's work directory are
// left out, because they change with every run and do not get into the output.
func (c *command) key() (key, error) {
	h := sha256.New()
	linker, err := buildid.Of(c.words[c.wrap])
	if err != nil {
		return key{}, err
	}
	fmt.Fprintf(h, "pgtest link 2\nlinker %q\n", linker)
	if c.wrap > 0 {
		fmt.Fprintf(h, "wrap %q\n", c.words[:c.wrap])
		if err := hashProgram(h, c.words[0]); err != nil {
			return key{}, err
		}
	}
	fmt.Fprintf(h, "output %q\n", filepath.Base(c.output))
	for i := 0; i < len(c.flags); i++ {
		fmt.Fprintf(h, "flag %q\n", c.flags[i])
		if c.flags[i] == "-fipso" {
			i++
		}
	}
	if err := hashImportcfg(h, c.importcfg); err != nil {
		return key{}, err
	}
	environment := os.Environ()
	slices.Sort(environment)
	for _, variable := range environment {
		if name, _, _ := strings.Cut(variable, "="); slices.Contains(linkerVariables, name) || changesTools(name) {
			fmt.Fprintf(h, "env %q\n", variable)
		}
	}
	fmt.Fprintf(h, "interpreters %q\n", interpreters())
	return key(h.Sum(nil)), nil
}

// interpreters lists the loaders of the system, glibc's and musl's. cmd/link
// writes the path of musl's into a program where glibc's does not exist: see
// LinuxdynldMusl in cmd/link/internal/ld/elf.go.
func interpreters() []string {
	names, _ := filepath.Glob("/lib*/ld*.so*")
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Stat(name)
		return err != nil
	})
}

// hashImportcfg hashes the packages' names and the build information. It leaves
// out the paths of package files: a file that was just compiled lies in the
// work directory, and in the next run in the build cache.
func hashImportcfg(h io.Writer, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("packageshlib ")) {
			return notCacheable("-linkshared")
		}
		if bytes.HasPrefix(line, []byte("packagefile ")) {
			line, _, _ = bytes.Cut(line, []byte("="))
		}
		fmt.Fprintf(h, "importcfg %q\n", line)
	}
	return nil
}

// hashProgram hashes the identity of a user's -toolexec program. By the go
// command's rules a program that changes what the tools do must also change
// their answer to -V=full; this is for programs that don't.
func hashProgram(h io.Writer, name string) error {
	file, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, "program %q %d %d\n", file, info.Size(), info.ModTime().UnixNano())
	return err
}
