package linkcache

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A link by the external linker is cached if everything in it is of a known
// kind: the compiler is gcc itself and the linker GNU ld itself, all words are
// on a list, no variable changes what they do, and every file is an archive, an
// object, a shared library or a linker script whose content determines its
// effect. What anything else reads is not known.

// The texts that gcc's driver and GNU ld hold, and programs that start them do
// not: gcc's rules for a link, and the version texts of collect2 and ld.
const (
	gccMark      = "%{!fsyntax-only:%{!c:%{!M:%{!MM:"
	collect2Mark = "collect2 version"
	ldMark       = "GNU ld %s"
	anyProgram   = "\x7fELF"
)

// checkWords checks the words of one call, and the environment, before the
// call.
func checkWords(words []string) error {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); changesTools(name) {
			return notCacheable("the variable " + name + " is set")
		}
	}
	path, err := findProgram(words[0])
	if err != nil {
		return err
	}
	if checkProgram(path, gccMark) != nil {
		return notCacheable("the C compiler is not gcc itself: " + path)
	}
	for i, word := range words[1:] {
		if words[i] != "-o" && !knownWord().MatchString(word) {
			return notCacheable("a word for the C compiler that is not known: " + word)
		}
	}
	return nil
}

// changesTools reports whether compilers, linkers or the system's loader read
// files or flags as the environment variable says.
func changesTools(name string) bool {
	switch name {
	case "COMPILER_PATH", "LIBRARY_PATH", "GNUTARGET", "LDEMULATION", "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
		"GLIBC_TUNABLES", "CCC_OVERRIDE_OPTIONS":
		return true
	case "GCC_COLORS", "GCC_URLS":
		return false
	}
	return strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "GCC_") || strings.HasPrefix(name, "COLLECT_")
}

// knownWord matches the words that the Go linker gives gcc, and those of users
// that name nothing but libraries, places to look for them, and properties of
// the output.
var knownWord = expression(`^(?:` + strings.Join([]string{
	`-m64`, `-g[0-3]?`, `-O[0-3sg]?`, `-s`, `-rdynamic`, `-pthread`, `-static(?:-libgcc|-pie)?`, `-(?:no-?)?pie`,
	`-Qunused-arguments`, `-o`,
	`--?print-libgcc-file-name`, `--?print-file-name=[\w.+-]+`,
	`-l[\w.+-]+`, `-L/[^,]*`, `/[^,]*/trivial\.c`, `/[^,]*\.(?:o|a|so[.\d]*)`,
	`-Wl,-S`, `-Wl,-E`, `-Wl,--export-dynamic(?:-symbol=[\w.]+)?`, `-Wl,--build-id=(?:0x[0-9a-f]+|none)`,
	`-Wl,--compress-debug-sections=\w+`, `-Wl,--hash-style=\w+`, `-Wl,--dynamic-linker,/[^,]*`,
	`-Wl,-z,(?:relro|norelro|now|lazy|noexecstack|nocopyreloc|nodelete|defs)`,
	`-Wl,--(?:no-)?(?:as-needed|whole-archive|gc-sections|undefined)`, `-Wl,-B(?:static|dynamic|symbolic)`,
	`-Wl,--(?:start|end)-group`, `-Wl,--(?:push|pop)-state`, `-Wl,--(?:en|dis)able-new-dtags`,
	`-Wl,-rpath(?:-link)?[,=]/[^,]*`,
}, `|`) + `)$`)

// expression returns a function that compiles an expression once. Most tools
// start without using one.
func expression(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// findProgram returns the absolute path of a program.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil || !filepath.IsAbs(path) {
		return "", notCacheable("no program of the system: " + name)
	}
	return path, nil
}

// checkProgram returns an error unless the file is a program, not a script, and
// contains the mark.
func checkProgram(path, mark string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(data, []byte(elf.ELFMAG)) || !bytes.Contains(data, []byte(mark)) {
		return notCacheable("a program that is not known: " + path)
	}
	return nil
}

// An external collects what calls of the external linker depended on.
type external struct {
	mode     []string // words that decide where gcc looks
	programs []string // as they were found: by name or by path; gcc first
	dirs     []string // where gcc, ld and the loader look for files
	loader   []string // those of the loader
	files    []string
}

// externalInputs returns what the calls depended on. checkWords has accepted
// each of them.
func externalInputs(calls []call, started time.Time) ([]input, error) {
	e := &external{programs: calls[0].Words[:1]}
	for _, c := range calls {
		for _, word := range c.Words {
			if word == "-m64" {
				e.mode = []string{word}
			}
			if m := searchWord().FindStringSubmatch(word); m != nil {
				e.dirs = append(e.dirs, filepath.SplitList(m[1])...)
			}
		}
		e.files = append(e.files, c.Files...)
	}
	for _, find := range []func() error{e.searchedByGCC, e.searchedByLoader, e.findPrograms, e.checkFiles} {
		if err := find(); err != nil {
			return nil, err
		}
	}
	return e.describe(started)
}

var searchWord = expression(`^(?:-L|-Wl,-rpath(?:-link)?[,=])(/.*)`)

// ask returns gcc's answer to a question, and its messages.
func (e *external) ask(words ...string) (answer, messages string, err error) {
	cmd := exec.Command(e.programs[0], slices.Concat(e.mode, words)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "LANGUAGE=")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), stderr.String(), err
}

// searchedByGCC finds the directories in which gcc looks for programs, files
// of flags (specs) and libraries.
func (e *external) searchedByGCC() error {
	answer, messages, err := e.ask("-v", "-print-search-dirs")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(messages, "Using built-in specs.\n") || strings.Contains(messages, "Reading specs") {
		return notCacheable("gcc has a specs file")
	}
	for line := range strings.Lines(answer) {
		for _, kind := range []string{"programs: =", "libraries: ="} {
			if list, ok := strings.CutPrefix(strings.TrimSpace(line), kind); ok {
				e.dirs = append(e.dirs, filepath.SplitList(list)...)
			}
		}
	}
	return nil
}

// Files of the loader's. They change which libraries programs run with, and
// in which ld finds the libraries that other libraries need.
const (
	loaderFiles  = "/etc/ld.so."
	loaderConfig = loaderFiles + "conf"
)

// searchedByLoader finds the directories in which the loader, and GNU ld like
// it, look for the libraries that other libraries need.
func (e *external) searchedByLoader() error {
	more := loaderConfig + ".d"
	configs, err := filepath.Glob(more + "/*.conf")
	if err != nil {
		return err
	}
	if musl, _ := filepath.Glob("/etc/ld-musl-*.path"); len(musl) > 0 {
		return notCacheable("the loader's configuration " + musl[0])
	}
	e.files = append(e.files, loaderFiles+"preload", loaderFiles+"cache")
	for _, config := range append(configs, loaderConfig) {
		e.files = append(e.files, config)
		data, err := os.ReadFile(config)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "/") && !strings.ContainsAny(line, " \t,:="):
				e.loader = append(e.loader, line)
			case line != "" && line != "include "+more+"/*.conf":
				return notCacheable("a line of " + config + " that is not known: " + line)
			}
		}
	}
	e.loader = append(e.loader, "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
	e.dirs = append(e.dirs, append(e.loader, "/etc", more)...)
	return nil
}

// findPrograms finds the programs that gcc starts, its plugin for ld, and the
// directories that ld searches of its own accord.
func (e *external) findPrograms() error {
	for name, mark := range map[string]string{"collect2": collect2Mark, "ld": ldMark, "as": anyProgram, "cc1": anyProgram} {
		answer, _, err := e.ask("-print-prog-name=" + name)
		if err != nil {
			return err
		}
		path, err := findProgram(answer)
		if err != nil {
			return err
		}
		if err := checkProgram(path, mark); err != nil {
			return err
		}
		e.programs = append(e.programs, answer)
		if name == "ld" {
			if err := e.searchedByLD(path); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"real-ld", "collect-ld"} {
		if answer, _, err := e.ask("-print-prog-name=" + name); err != nil || answer != name {
			return notCacheable("gcc has a linker of its own: " + answer)
		}
	}
	const plugin = "liblto_plugin.so"
	answer, _, err := e.ask("-print-file-name=" + plugin)
	if err == nil && answer != plugin {
		e.files = append(e.files, answer)
	}
	return err
}

// searchedByLD reads the script that ld prints. It has SEARCH_DIR("=/usr/lib")
// for each directory, where = stands for the sysroot.
func (e *external) searchedByLD(ld string) error {
	script, err := exec.Command(ld, "--verbose").Output()
	for _, rest := range strings.Split(string(script), `SEARCH_DIR("`)[1:] {
		dir, _, _ := strings.Cut(rest, `"`)
		e.dirs = append(e.dirs, strings.TrimPrefix(dir, "="))
	}
	return err
}

// matters reports whether gcc, ld or the loader could pick up a file of this
// name from a directory that they search.
func matters(name string) bool {
	switch name {
	case "specs", "ld", "real-ld", "collect-ld", "as", "cc1", "collect2", "glibc-hwcaps":
		return true
	}
	ext := filepath.Ext(name)
	return ext == ".conf" || ext == ".path" || isLibrary(name)
}

func isLibrary(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".a" || ext == ".so" || ext == ".o" || strings.Contains(name, ".so.")
}

// checkFiles checks that the content of each file determines its effect.
func (e *external) checkFiles() error {
	for _, name := range e.programs {
		path, err := findProgram(name)
		if err != nil {
			return err
		}
		e.files = append(e.files, path)
	}
	seen := make(map[string]bool)
	for i := 0; i < len(e.files); i++ { // it gets longer
		file := e.files[i]
		if seen[file] || strings.HasPrefix(file, loaderFiles) {
			continue
		}
		seen[file] = true
		if !filepath.IsAbs(file) {
			return notCacheable("a library is named by a relative path: " + file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return notCacheable("a file of the link is gone: " + file)
		}
		switch {
		case bytes.HasPrefix(data, []byte("!<thin>\n")):
			err = notCacheable("a thin archive: " + file)
		case bytes.HasPrefix(data, []byte("!<arch>\n")):
			err = checkObject(file, data)
		case bytes.HasPrefix(data, []byte(elf.ELFMAG)):
			err = e.checkELF(file, data)
		default:
			e.dirs = append(e.dirs, filepath.Dir(file))
			if !libraryScript().Match(data) {
				err = notCacheable("neither a library nor a simple linker script: " + file)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkObject returns an error if an object makes ld or its plugin do more than
// link: code to be optimized (by gcc or LLVM), or a list of more libraries.
func checkObject(file string, data []byte) error {
	for _, mark := range []string{".gnu.lto_", "BC\xc0\xde", "__.LIBDEP"} {
		if bytes.Contains(data, []byte(mark)) {
			return notCacheable("more than objects: " + file)
		}
	}
	return nil
}

// checkELF checks an object, a shared library or a program. The libraries that
// the file needs are inputs: those that ld reads and those that a program runs
// with.
func (e *external) checkELF(file string, data []byte) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	if f.Type == elf.ET_REL {
		return checkObject(file, data)
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		if paths, err := f.DynString(tag); err != nil || len(paths) > 0 {
			return notCacheable("a library or program with a search path of its own: " + file)
		}
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, name := range needed {
		found := false
		for _, dir := range slices.Compact(slices.Concat(e.loader)) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				e.files = append(e.files, path)
				found = true
			}
		}
		if !found || strings.Contains(name, "/") {
			return notCacheable("a library that another needs is not where the loader looks: " + name)
		}
	}
	return nil
}

// libraryScript matches a linker script that only names libraries. C libraries
// are often installed as one.
var libraryScript = expression(`^(?:\s+|/\*(?:[^*]|\*[^/])*\*/|OUTPUT_FORMAT\([\w-]+\)|GROUP|INPUT|AS_NEEDED|[(),]|` +
	`-l[\w.+-]+\b|/[\w./+-]+|[\w+-][\w.+-]*\.(?:a|o|so[.\d]*)\b)*$`)

// describe returns the inputs: programs by their names, files and directories
// by their paths. The working directory is searched too, before all others.
func (e *external) describe(started time.Time) ([]input, error) {
	var inputs []input
	for _, part := range []struct {
		kind  inputKind
		names []string
	}{{workingInput, []string{"."}}, {programInput, e.programs}, {directoryInput, e.dirs}, {fileInput, e.files}} {
		slices.Sort(part.names)
		for _, name := range slices.Compact(part.names) {
			if part.kind == directoryInput && !filepath.IsAbs(name) {
				return nil, notCacheable("libraries are looked for in a relative path: " + name)
			}
			in, err := newInput(part.kind, name, started)
			if err != nil {
				return nil, err
			}
			inputs = append(inputs, in)
		}
	}
	return inputs, nil
}
