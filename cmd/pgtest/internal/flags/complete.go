package flags

import (
	"embed"
	"errors"
	"io"
	"slices"
	"strings"

	"pgtest/harness/gotest"
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
	"": {"tool"}, "tool": {"cache", "ci-matrix", "completion", "slowest"}, "tool cache": {"clean"}, "tool completion": Shells,
}

// Complete returns what the last of the words behind pgtest can become: whole
// words, for some with a tab and what they mean.
func Complete(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	before, word := words[:len(words)-1], words[len(words)-1]
	if tool, ok := tools[strings.Join(before, " ")]; ok && (len(before) > 0 || word != "" && strings.HasPrefix("tool", word)) {
		return starting(word, tool)
	}
	c := &CommandLine{}
	s := splitter{CommandLine: c, flags: newSet(&c.Options), args: before}
	var missing missingValue
	if errors.As(s.split(), &missing) {
		return s.flags.lookup(string(missing)).complete(word, "")
	}
	f := gotest.CutFlag(word)
	ours := s.flags.lookup(f.Name)
	switch {
	case len(c.Command) > 0 || takesAny(c.Line):
	case f.Dashes == 2 && !s.ended && f.HasValue && ours != nil:
		return ours.complete(f.Value, "--"+f.Name+"=")
	case strings.HasPrefix(word, "--") && !s.ended:
		return starting(word, s.flags.words())
	case strings.HasPrefix(word, "-") && !s.raw:
		names := gotest.FlagNames()
		slices.Sort(names)
		for i := range names {
			names[i] = "-" + names[i]
		}
		return starting(word, names)
	}
	return []string{Files}
}

// takesAny says whether the next word of a line is a value, or the test binary's,
// whatever it looks like.
func takesAny(l gotest.Line) bool {
	parts := l.Parts()
	if len(parts) == 0 {
		return false
	}
	last := parts[len(parts)-1]
	boolean, _ := gotest.KnowsFlag(last.Name)
	return gotest.EndsFlags(last.Word) || last.Kind == gotest.OwnFlag && !boolean && !last.HasValue
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

// complete returns the values that begin with a word, each with before in front.
func (r Row) complete(word, before string) []string {
	if r.output {
		return []string{Files}
	}
	values := starting(word, r.values)
	for i := range values {
		values[i] = before + values[i]
	}
	return values
}

func starting(word string, words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return !strings.HasPrefix(w, word) })
}
