package coverage

import (
	"encoding/xml"
	"io"
	"path"
	"strconv"
	"time"
)

// The elements of a Cobertura report, in the order that its coverage-04.dtd wants.
// Go's profiles know no branches.
type (
	report struct {
		XMLName         xml.Name `xml:"coverage"`
		LineRate        rate     `xml:"line-rate,attr"`
		BranchRate      int      `xml:"branch-rate,attr"`
		LinesCovered    int      `xml:"lines-covered,attr"`
		LinesValid      int      `xml:"lines-valid,attr"`
		BranchesCovered int      `xml:"branches-covered,attr"`
		BranchesValid   int      `xml:"branches-valid,attr"`
		Complexity      int      `xml:"complexity,attr"`
		Version         string   `xml:"version,attr"`
		Timestamp       int64    `xml:"timestamp,attr"` // milliseconds
		Sources         []string `xml:"sources>source"`
		Packages        packages `xml:"packages"`
	}
	packages struct {
		Packages []*packageElement `xml:"package"`
	}
	packageElement struct {
		Name    string         `xml:"name,attr"`
		Rate    rate           `xml:"line-rate,attr"`
		Branch  int            `xml:"branch-rate,attr"`
		Complex int            `xml:"complexity,attr"`
		Classes []classElement `xml:"classes>class"`

		count Count
	}
	classElement struct {
		Name     string   `xml:"name,attr"`
		FileName string   `xml:"filename,attr"`
		Rate     rate     `xml:"line-rate,attr"`
		Branch   int      `xml:"branch-rate,attr"`
		Complex  int      `xml:"complexity,attr"`
		Methods  methods  `xml:"methods"`
		Lines    elements `xml:"lines"`
	}
	methods struct {
		Methods []methodElement `xml:"method"`
	}
	methodElement struct {
		Name      string   `xml:"name,attr"`
		Signature string   `xml:"signature,attr"`
		Rate      rate     `xml:"line-rate,attr"`
		Branch    int      `xml:"branch-rate,attr"`
		Complex   int      `xml:"complexity,attr"`
		Lines     elements `xml:"lines"`
	}
	elements struct {
		Lines []lineElement `xml:"line"`
	}
	lineElement struct {
		Number int `xml:"number,attr"`
		Count  int `xml:"hits,attr"`
	}
)

// A rate is a part of 1.
type rate float64

func (r rate) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: strconv.FormatFloat(float64(r), 'f', 4, 64)}, nil
}

// Cobertura writes files as a Cobertura report, with a class for each. Root is the
// directory below which their names are, and name says what a file is called
// there.
func Cobertura(w io.Writer, files []File, root string, name func(File) string, at time.Time) error {
	all := Count{}
	doc := report{Version: "pgtest", Timestamp: at.UnixMilli(), Sources: []string{root}}
	for _, f := range files {
		class := classElement{Name: path.Base(f.Name), FileName: name(f), Lines: asElements(f.Lines)}
		for _, fn := range f.Functions {
			var lines []Line
			for _, l := range f.Lines {
				if fn.Start <= l.Number && l.Number <= fn.End {
					lines = append(lines, l)
				}
			}
			class.Methods.Methods = append(class.Methods.Methods, methodElement{
				Name: fn.Name, Rate: rate(count(lines).rate()), Lines: asElements(lines),
			})
		}
		lines := count(f.Lines)
		class.Rate = rate(lines.rate())
		p := doc.packageOf(f)
		p.Classes = append(p.Classes, class)
		for _, c := range []*Count{&p.count, &all} {
			c.Covered, c.All = c.Covered+lines.Covered, c.All+lines.All
		}
		p.Rate = rate(p.count.rate())
	}
	doc.LineRate, doc.LinesCovered, doc.LinesValid = rate(all.rate()), all.Covered, all.All
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "\t")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// packageOf returns the element of a file's package.
func (r *report) packageOf(f File) *packageElement {
	for _, p := range r.Packages.Packages {
		if p.Name == f.Package {
			return p
		}
	}
	p := &packageElement{Name: f.Package}
	r.Packages.Packages = append(r.Packages.Packages, p)
	return p
}

func asElements(lines []Line) elements {
	var all elements
	for _, l := range lines {
		all.Lines = append(all.Lines, lineElement(l))
	}
	return all
}
