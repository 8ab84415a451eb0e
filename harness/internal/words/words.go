// Package words puts the options of a role on its command line, where ps shows
// them: of a struct each field that is set, as --Field=value, a list as a word
// for each element. The test binary and its arguments follow. Words can hold any
// bytes but 0.
package words

import (
	"flag"
	"fmt"
	"io"
	"reflect"
	"time"
)

// Of returns the fields of options, a struct, and the command that is to follow
// as words.
func Of(options any, command ...string) (words []string) {
	v := reflect.ValueOf(options)
	for _, f := range reflect.VisibleFields(v.Type()) {
		value := v.FieldByIndex(f.Index)
		switch list, ok := value.Interface().([]string); {
		case f.Anonymous || value.IsZero():
		case ok:
			for _, element := range list {
				words = append(words, "--"+f.Name+"="+element)
			}
		default:
			words = append(words, fmt.Sprintf("--%s=%v", f.Name, value))
		}
	}
	return append(append(words, "--"), command...)
}

// Parse is the inverse of Of. It sets the fields of options, a pointer to an
// empty struct, and returns what follows them, at least the test binary.
func Parse(role string, words []string, options any) (command []string, err error) {
	set := flag.NewFlagSet(role, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	v := reflect.ValueOf(options).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		switch field := v.FieldByIndex(f.Index).Addr().Interface().(type) {
		case *string:
			set.StringVar(field, f.Name, "", "")
		case *bool:
			set.BoolVar(field, f.Name, false, "")
		case *int:
			set.IntVar(field, f.Name, 0, "")
		case *time.Duration:
			set.DurationVar(field, f.Name, 0, "")
		case *[]string:
			set.Func(f.Name, "", func(element string) error {
				*field = append(*field, element)
				return nil
			})
		}
	}
	if err := set.Parse(words); err != nil {
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	if set.NArg() == 0 {
		return nil, fmt.Errorf("%s: no test binary", role)
	}
	return set.Args(), nil
}
