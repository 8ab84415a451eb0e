package panics

import "testing"

func TestBefore(t *testing.T) {}

func TestPanics(t *testing.T) { panic("out of order") }

func TestNotReached(t *testing.T) {}
