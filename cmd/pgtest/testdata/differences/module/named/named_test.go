package named

import (
	"flag"
	"fmt"
	"testing"
)

var format = flag.String("format", "", "")

func TestNamed(t *testing.T) { fmt.Println("format:", *format) }
