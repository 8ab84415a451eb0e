// Package quiet has nothing that could be misread.
package quiet

import "testing"

func TestA(t *testing.T) {}

func TestB(t *testing.T) { t.Log("b") }
