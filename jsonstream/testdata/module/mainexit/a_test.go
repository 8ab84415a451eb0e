package mainexit

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	fmt.Println("setting up")
	fmt.Fprintln(os.Stderr, "no database")
	os.Exit(1)
}

func TestX(t *testing.T) {}
