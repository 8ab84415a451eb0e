package linkcache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// linkWords are a link as the go command writes it, in the work directory work.
func linkWords(linker, work string) []string {
	return []string{
		linker, "-o", work + "/b001/x.test", "-importcfg", work + "/b001/importcfg.link", "-s", "-w", "-buildmode=exe",
		"-buildid=UxUmrNj5NV_-ci3sj6ea/main/main/UxUmrNj5NV_-ci3sj6ea", "-extld=gcc", work + "/b001/_pkg_.a",
	}
}

const importcfg = `packagefile m/x.test=WORK/b001/_pkg_.a
packagefile fmt=/home/u/.cache/go-build/ab/abcd-d
modinfo "0w\xaf\f"
`

// A variant of a link: a change of its words or of its surroundings.
type variant struct {
	name   string
	words  func([]string) []string
	change func(t *testing.T, linker, work string)
}

func flag(f ...string) func([]string) []string {
	return func(words []string) []string { return slices.Insert(words, len(words)-1, f...) }
}

func replaceWord(old, new string) func([]string) []string {
	return func(words []string) []string {
		words[slices.Index(words, old)] = new
		return words
	}
}

// keyOf returns the variant's key, made in a directory of its own.
func keyOf(t *testing.T, v variant) (key, error) {
	t.Helper()
	dir := t.TempDir()
	linker, work := filepath.Join(dir, "link"), filepath.Join(dir, "work")
	writeFile(t, linker, "\x7fELF\xff Go build ID: \"release\"\n \xff", 0o777)
	writeFile(t, filepath.Join(work, "b001", "importcfg.link"), strings.ReplaceAll(importcfg, "WORK", work), 0o666)
	words := linkWords(linker, work)
	if v.words != nil {
		words = v.words(words)
	}
	if v.change != nil {
		v.change(t, linker, work)
	}
	c, err := parseCommand(words, 0)
	if err != nil {
		return key{}, err
	}
	return c.key()
}

func environment(name, value string) func(*testing.T, string, string) {
	return func(t *testing.T, _, _ string) { t.Setenv(name, value) }
}

func rewriteImportcfg(old, new string) func(*testing.T, string, string) {
	return func(t *testing.T, _, work string) {
		file := filepath.Join(work, "b001", "importcfg.link")
		writeFile(t, file, strings.Replace(readFile(t, file), old, new, 1), 0o666)
	}
}

func TestKeyCovers(t *testing.T) {
	for _, name := range linkerVariables {
		if value, ok := os.LookupEnv(name); ok {
			t.Setenv(name, value) // restored at the end
			os.Unsetenv(name)
		}
	}
	base, err := keyOf(t, variant{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[key]string{base: "the link itself"}
	for _, v := range []variant{
		{name: "action id", words: replaceWord("-buildid=UxUmrNj5NV_-ci3sj6ea/main/main/UxUmrNj5NV_-ci3sj6ea", "-buildid=VxUmrNj5NV_-ci3sj6ea/main/main/VxUmrNj5NV_-ci3sj6ea")},
		{name: "debug information", words: func(w []string) []string { return slices.Delete(w, 5, 7) }},
		{name: "build mode", words: replaceWord("-buildmode=exe", "-buildmode=pie")},
		{name: "external linker", words: replaceWord("-extld=gcc", "-extld=clang")},
		{name: "-X", words: flag("-X=main.version=1")},
		{name: "-X again", words: flag("-X=main.version=2")},
		{name: "order", words: flag("-X=main.version=2", "-X=main.version=1")},
		{name: "other order", words: flag("-X=main.version=1", "-X=main.version=2")},
		{name: "empty build id", words: flag("-buildid=")},
		{name: "external flags", words: flag("-extldflags=-static")},
		{name: "link mode", words: flag("-linkmode=external")},
		{name: "race", words: flag("-race")},
		{name: "joined flags", words: flag("-X=main.version=1 -race")},
		{name: "linker", change: func(t *testing.T, linker, _ string) {
			writeFile(t, linker, "\x7fELF\xff Go build ID: \"patched\"\n \xff", 0o777)
		}},
		{name: "linker without id", change: func(t *testing.T, linker, _ string) { writeFile(t, linker, "#!/bin/sh", 0o777) }},
		{name: "package", change: rewriteImportcfg("packagefile fmt=", "packagefile fnt=")},
		{name: "build information", change: rewriteImportcfg("0w", "1w")},
		{name: "GOAMD64", change: environment("GOAMD64", "v3")},
		{name: "GOEXPERIMENT", change: environment("GOEXPERIMENT", "none")},
		{name: "GOROOT", change: environment("GOROOT", "/opt/go")},
		{name: "empty GOROOT", change: environment("GOROOT", "")},
		{name: "GO_EXTLINK_ENABLED", change: environment("GO_EXTLINK_ENABLED", "1")},
		{name: "LIBRARY_PATH", change: environment("LIBRARY_PATH", "/opt/lib")},
		{name: "SOURCE_DATE_EPOCH", change: environment("SOURCE_DATE_EPOCH", "1")},
	} {
		t.Run(v.name, func(t *testing.T) {
			k, err := keyOf(t, v)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := seen[k]; ok {
				t.Errorf("same key as %s", other)
			}
			seen[k] = v.name
		})
	}
	// What changes with every run, or has no influence.
	for _, v := range []variant{
		{name: "another work directory"},
		{name: "package file in the cache", change: rewriteImportcfg("_pkg_.a", "cached-d")},
		{name: "test's variable", change: environment("MY_TEST_FLAG", "1")},
		{name: "GOFLAGS", change: environment("GOFLAGS", "-count=1")},
	} {
		t.Run(v.name, func(t *testing.T) {
			if k, err := keyOf(t, v); err != nil || k != base {
				t.Errorf("another key, %v", err)
			}
		})
	}
}

func TestNotCacheable(t *testing.T) {
	for _, v := range []variant{
		{name: "profile", words: flag("-cpuprofile=x")},
		{name: "profile as two words", words: flag("-memprofile", "x")},
		{name: "two dashes", words: flag("--benchmarkprofile=x")},
		{name: "library path", words: flag("-L", "lib")},
		{name: "second output", words: flag("-o=x")},
		{name: "shared library", words: replaceWord("-buildmode=exe", "-buildmode=c-shared")},
		{name: "plugin", words: replaceWord("-buildmode=exe", "-buildmode=plugin")},
		{name: "no external linker", words: replaceWord("-extld=gcc", "-race")},
		{name: "open quote", words: replaceWord("-extld=gcc", "-extld='gcc")},
		{name: "no build id", words: replaceWord("-buildid=UxUmrNj5NV_-ci3sj6ea/main/main/UxUmrNj5NV_-ci3sj6ea", "-buildid=")},
		{name: "fips object of the user", words: flag("-fipso", "/tmp/fips.o")},
		{name: "fips object at the end", words: flag("-fipso")},
		{name: "no main package", words: func(w []string) []string { return w[:len(w)-1] }},
		{name: "response file", words: func(w []string) []string { return []string{w[0], "@/tmp/args"} }},
		{name: "go's shared library", change: rewriteImportcfg("packagefile fmt", "packageshlib fmt")},
	} {
		t.Run(v.name, func(t *testing.T) {
			var reason notCacheable
			if _, err := keyOf(t, v); !errors.As(err, &reason) || reason == "" {
				t.Errorf("error %v, want a reason", err)
			}
		})
	}
}

// The file that the go command names for the FIPS module is as good as none.
func TestFipsObject(t *testing.T) {
	withFips := variant{words: func(words []string) []string {
		return slices.Insert(words, 5, "-fipso", filepath.Join(filepath.Dir(words[4]), "fips.o"))
	}}
	first, err := keyOf(t, withFips)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := keyOf(t, withFips); err != nil || first != second {
		t.Errorf("another key in another work directory, %v", err)
	}
}
