package mainafter

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	m.Run()
	fmt.Println("left something behind")
	os.Exit(4)
}

func TestX(t *testing.T) {}
