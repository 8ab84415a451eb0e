package jsonstream

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	SetColor(false)
	goleak.VerifyTestMain(m)
}
