package jsonstream

import (
	"testing"

	"go.uber.org/goleak"

	"pgtest/jsonstream/format"
)

func TestMain(m *testing.M) {
	format.SetColor(false)
	goleak.VerifyTestMain(m)
}
