package main

import "pgtest/cmd/pgtest/internal/flags"

// A clash is what a flag can't be together with, if it is there.
type clash struct {
	is   bool
	what string // as it is typed, and why
}

// together returns an error if one of the clashes is there.
func together(flag string, clashes ...clash) error {
	for _, c := range clashes {
		if c.is {
			return &flags.Conflict{Flag: flag, With: c.what}
		}
	}
	return nil
}
