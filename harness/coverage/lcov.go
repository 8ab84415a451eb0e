package coverage

import (
	"bufio"
	"fmt"
	"io"
)

// LCOV writes files as a tracefile of lcov, as geninfo(1) describes it. Name says
// what a file is called there.
func LCOV(w io.Writer, files []File, name func(File) string) error {
	out := bufio.NewWriter(w)
	for _, f := range files {
		fmt.Fprintf(out, "TN:\nSF:%s\n", name(f))
		called := 0
		for _, fn := range f.Functions {
			fmt.Fprintf(out, "FN:%d,%s\n", fn.Start, fn.Name)
		}
		for _, fn := range f.Functions {
			fmt.Fprintf(out, "FNDA:%d,%s\n", fn.Count, fn.Name)
			called += min(fn.Count, 1)
		}
		fmt.Fprintf(out, "FNF:%d\nFNH:%d\n", len(f.Functions), called)
		for _, l := range f.Lines {
			fmt.Fprintf(out, "DA:%d,%d\n", l.Number, l.Count)
		}
		lines := count(f.Lines)
		fmt.Fprintf(out, "LF:%d\nLH:%d\nend_of_record\n", lines.All, lines.Covered)
	}
	return out.Flush()
}
