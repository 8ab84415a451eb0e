package main

import (
	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/harness/gotest"
	"pgtest/harness/order"
)

// ordered returns go test's line with the packages in front that are to be tested
// first. Where output is to be read in the order of the packages it stays as it is.
func ordered(c *flags.CommandLine) gotest.Line {
	named, s := c.Line.Packages(), c.Settings
	if c.Order == "source" || c.History == "off" || c.Watch || c.Parts != nil || len(named) == 0 || s.List != "" || s.Bench != "" || s.Fuzz != "" {
		return c.Line
	}
	store, err := userHistory(c.Dir)
	if err != nil {
		return c.Line
	}
	front := order.Front(headerOf(c), store.Runs(), store.Estimates())
	if len(front) == 0 {
		return c.Line
	}
	return c.Line.WithPackages(front[0], append(front[1:], named...)...)
}
