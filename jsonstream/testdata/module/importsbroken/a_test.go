package importsbroken

import (
	"testing"

	"example.com/m/importsbroken/broken"
)

func TestX(t *testing.T) { broken.F() }
