package flags

import (
	"fmt"
	"strconv"
	"time"

	"pgtest/harness"
)

// parseStress reads the value of --stress: how often, or for how long. Without
// a value there is no limit.
func parseStress(value string) (*harness.Stress, error) {
	if on, err := strconv.ParseBool(value); err == nil && value != "1" && value != "0" {
		if !on {
			return nil, nil
		}
		return new(harness.Stress), nil
	}
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return &harness.Stress{Runs: n}, nil
	}
	if d, err := time.ParseDuration(value); err == nil && d > 0 && d <= maxDuration {
		return &harness.Stress{Time: d}, nil
	}
	return nil, fmt.Errorf("bad value %q: must be a positive number, or a duration such as 30s", value)
}
