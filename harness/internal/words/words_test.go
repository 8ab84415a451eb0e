package words

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type Inner struct {
	Count int
	Wait  time.Duration
}

type options struct {
	Name string
	On   bool
	List []string
	Inner
}

func TestWords(t *testing.T) {
	for _, want := range []options{
		{},
		{Name: "--\xff", On: true, List: []string{"", "--On=false", "a\xff\nb", "'\""}, Inner: Inner{-3, time.Second + 1}},
		{Inner: Inner{Wait: time.Minute}},
	} {
		for _, command := range [][]string{{"a.test", "--On", "--", "\xfe"}, {"--", "--Name=x"}, {""}} {
			words := Of(want, command...)
			var got options
			if after, err := Parse("__role", words, &got); err != nil || !slices.Equal(after, command) || !reflect.DeepEqual(got, want) {
				t.Errorf("%q became %+v, %q, %v", words, got, after, err)
			}
		}
	}
	for _, words := range []string{"--None=1", "--Count=x", "--Wait=1", "--On=maybe", "--Name", "--", ""} {
		if command, err := Parse("__role", strings.Fields(words), new(options)); err == nil || !strings.HasPrefix(err.Error(), "__role: ") {
			t.Errorf("%q: %q, %v", words, command, err)
		}
	}
}
