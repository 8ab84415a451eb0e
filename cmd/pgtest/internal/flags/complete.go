package flags

import (
	"embed"
	"errors"
	"io"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/complete"
	"pgtest/harness/gotest"
	"pgtest/harness/gotest/sources"
)

// Shells are those that have a completion script.
var Shells = []string{"bash", "zsh", "fish"}

//go:embed completion
var scripts embed.FS

// PrintCompletion prints the script that makes one of the shells complete command
// lines of pgtest. The script asks `pgtest tool complete` each time, so it stays good when flags
// come.
func PrintCompletion(w io.Writer, shell string) error {
	script, err := scripts.ReadFile("completion/pgtest." + shell)
	if err == nil {
		_, err = w.Write(script)
	}
	return err
}

// Files in the place of what Complete returns stands for the names of files.
const Files = ":files"

// tools are the words behind pgtest tool, by those before them.
var tools = map[string][]string{
	"": {"tool"}, "tool": {"cache", "ci-matrix", "completion", "history", "man", "plan", "replay", "report", "slowest"}, "tool cache": {"clean"},
	"tool completion": Shells, "tool history": {"clean", "export", "import", "show"}, "tool replay": {"last"}, "tool history show": {"last"}, "tool history export": {"last"},
}

// goFiles are the flags of go test whose values are names of files or directories.
var goFiles = []string{
	"C", "blockprofile", "coverprofile", "cpuprofile", "memprofile", "modfile", "mutexprofile", "o", "outputdir", "overlay",
	"pgo", "pkgdir", "trace", "debug-actiongraph", "debug-runtime-trace", "debug-trace",
}

// CompleteLine is Complete for a line as a shell has it, from behind pgtest to the
// cursor.
func CompleteLine(line string) []string { return Complete(splitLine(line)) }

// splitLine splits a line as a shell does. The last word may be empty, and its
// quotes need not be closed.
func splitLine(line string) []string {
	words, word, quote := []string{}, "", rune(0)
	escaped, begun := false, false
	for _, r := range line {
		switch {
		case escaped:
			word, escaped = word+string(r), false
		case r == '\\' && quote != '\'':
			escaped, begun = true, true
		case r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(r), true
		}
	}
	return append(words, word)
}

// Complete returns what the last of the words behind pgtest can become: whole
// words, for some with a tab and what they mean.
func Complete(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	before, word := words[:len(words)-1], strings.TrimLeft(words[len(words)-1], `'"`) // some shells hand over an open quote
	if tool, ok := tools[strings.Join(before, " ")]; ok && (len(before) > 0 || word != "" && strings.HasPrefix("tool", word)) {
		return starting(word, tool)
	}
	c := &CommandLine{}
	s := splitter{CommandLine: c, flags: newSet(&c.Options), args: before}
	var missing missingValue
	if errors.As(s.split(), &missing) {
		return s.complete(s.flags.lookup(string(missing)), word, "")
	}
	f := gotest.CutFlag(word)
	ours := s.flags.lookup(f.Name)
	_, theirs := gotest.KnowsFlag(f.Name)
	switch {
	case len(c.Command) > 0:
	case c.Line.Pending() != "":
		return s.completeTheirs(c.Line.Pending(), word, "")
	case takesAny(c.Line):
	case f.Dashes == 2 && !s.ended && f.HasValue && ours != nil:
		return s.complete(ours, f.Value, "--"+f.Name+"=")
	case strings.HasPrefix(word, "--") && !s.ended:
		return starting(word, s.flags.words())
	case f.HasValue && theirs && !s.raw:
		return s.completeTheirs(f.Name, f.Value, strings.TrimSuffix(word, f.Value))
	case strings.HasPrefix(word, "-") && !s.raw:
		names := gotest.FlagNames()
		slices.Sort(names)
		for i := range names {
			names[i] = "-" + names[i]
		}
		return starting(word, names)
	case !s.raw && c.Line.TakesPackages():
		return orFiles(complete.Packages(word))
	}
	return []string{Files}
}

// complete returns the values of a flag of ours that begin with a word, each with
// before in front.
func (s *splitter) complete(r *Row, word, before string) []string {
	switch {
	case r.output:
		return []string{Files}
	case r.Name == "debug-test":
		return withPrefix(before, s.tests(word, append(sources.Tests, sources.Benchmark)))
	case r.Name == "packages":
		return withPrefix(before, complete.Packages(word))
	case r.Name == "isolate" && strings.HasPrefix(word, "test:"):
		at := strings.LastIndexAny(word, ":,") + 1
		return withPrefix(before+word[:at], complete.Packages(word[at:]))
	}
	return withPrefix(before, starting(word, r.values))
}

// completeTheirs returns the values of a flag of go test that begin with a word,
// each with before in front.
func (s *splitter) completeTheirs(name, word, before string) []string {
	switch values := starting(word, gotest.Values(name)); strings.TrimPrefix(name, "test.") {
	case "run", "skip", "list":
		return withPrefix(before, s.tests(word, sources.Tests))
	case "bench":
		return withPrefix(before, s.tests(word, []sources.Kind{sources.Benchmark}))
	case "fuzz":
		return withPrefix(before, s.tests(word, []sources.Kind{sources.Fuzz}))
	case "coverpkg":
		at := strings.LastIndexByte(word, ',') + 1
		return withPrefix(before+word[:at], complete.Packages(word[at:]))
	default:
		if len(values) == 0 && slices.Contains(goFiles, name) {
			return []string{Files}
		}
		return withPrefix(before, values)
	}
}

// tests returns the tests of the packages before a word that it can become.
func (s *splitter) tests(word string, kinds []sources.Kind) []string {
	return complete.Tests(word, s.Line.Packages(), strings.Split(s.Line.Value("tags"), ","), kinds...)
}

func withPrefix(before string, words []string) []string {
	for i := range words {
		words[i] = before + words[i]
	}
	return words
}

func orFiles(words []string) []string {
	if len(words) == 0 {
		return []string{Files}
	}
	return words
}

// takesAny says whether the next word of a line is the test binary's, whatever it
// looks like.
func takesAny(l gotest.Line) bool {
	parts := l.Parts()
	return len(parts) > 0 && gotest.EndsFlags(parts[len(parts)-1].Word)
}

// words are the flags as one types them, with what they do.
func (s set) words() []string {
	var words []string
	text := ""
	for _, r := range slices.Backward(s.rows) {
		if r.Text != "" {
			text, _, _ = strings.Cut(strings.ReplaceAll(r.text(), "\n", " "), "; ")
		}
		words = append(words, "--"+r.Name+"\t"+text)
	}
	slices.Reverse(words)
	return words
}

func starting(word string, words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, word) })
}
