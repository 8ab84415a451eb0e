package coverage

import (
	"fmt"
	"strings"
)

// Changed is what is covered of lines that changed.
type Changed struct {
	Lines Count
	Files []ChangedFile // those with lines that are not covered
}

// A ChangedFile has the changed lines of a file that are not covered.
type ChangedFile struct {
	Path   string
	ranges []string
}

// Ranges are the lines as in "12-15, 20": changed lines, none of them covered, and
// some perhaps without a statement.
func (f ChangedFile) Ranges() string { return strings.Join(f.ranges, ", ") }

// OfChanged says what is covered of the lines for which isChanged is true.
func OfChanged(files []File, isChanged func(path string, line int) bool) Changed {
	var all Changed
	for _, f := range files {
		var ranges []string
		first, last := 0, 0 // of the present range
		end := func() {
			switch {
			case first == 0:
			case first == last:
				ranges = append(ranges, fmt.Sprint(first))
			default:
				ranges = append(ranges, fmt.Sprintf("%d-%d", first, last))
			}
			first = 0
		}
		for _, l := range f.Lines {
			changed := isChanged(f.Path, l.Number)
			if changed {
				all.Lines.add(1, l.Count > 0)
			}
			for between := last + 1; first > 0 && between < l.Number; between++ {
				if !isChanged(f.Path, between) {
					end()
				}
			}
			switch {
			case !changed || l.Count > 0:
				end()
			case first == 0:
				first, last = l.Number, l.Number
			default:
				last = l.Number
			}
		}
		if end(); ranges != nil {
			all.Files = append(all.Files, ChangedFile{f.Path, ranges})
		}
	}
	return all
}
