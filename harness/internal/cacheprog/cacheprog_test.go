package cacheprog

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A request is written as the go command writes it.
func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		Request
		body, want string
	}{
		{Request{ID: 1, Command: "get", ActionID: []byte{1, 2}}, "", `{"ID":1,"Command":"get","ActionID":"AQI="}` + "\n"},
		{Request{ID: 2, Command: "put", BodySize: 4}, "abcd", `{"ID":2,"Command":"put","BodySize":4}` + "\n\n\"YWJjZA==\"\n"},
	} {
		var b bytes.Buffer
		var err error
		if tt.body == "" {
			err = Write(&b, tt.Request, nil)
		} else {
			err = Write(&b, tt.Request, strings.NewReader(tt.body))
		}
		if got := b.String(); err != nil || got != tt.want {
			t.Errorf("%v: %q, want %q", err, got, tt.want)
		}
	}
	if err := Write(fullPipe{}, Request{}, nil); err == nil {
		t.Error("no error")
	}
}

type fullPipe struct{}

func (fullPipe) Write([]byte) (int, error) { return 0, errors.New("full") }
