package main

import (
	"time"

	"pgtest/cmd/pgtest/internal/flags"
	"pgtest/jsonstream/quarantine"
)

// quarantines says which tests are in quarantine on a day, nil if there are none.
// With --stress there are none: it looks for failures.
func quarantines(c *flags.CommandLine, now time.Time) *quarantine.Watch {
	rules := c.Overrides
	if !rules.Quarantines() || c.Stress != nil {
		return nil
	}
	return &quarantine.Watch{Cut: c.Settings.FailFast, Of: func(pkg, test string) quarantine.Verdict {
		q := rules.Test(pkg, test).Quarantine
		return quarantine.Verdict{Until: q.Is.Until(), Reason: q.Is.Reason, Where: q.Where, Expired: q.Is.Expired(now)}
	}}
}
