// Package parser is a package with a test that fails.
package parser

import (
	"strconv"
	"testing"
)

func TestParse(t *testing.T) {
	for _, in := range []string{"12", "0x1f", "1e3"} {
		t.Run(in, func(t *testing.T) {
			if _, err := strconv.ParseInt(in, 0, 64); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
