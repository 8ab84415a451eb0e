// Command cacheprogram is a GOCACHEPROG for tests. The test binary itself could
// be one, but starts several times as slowly.
package main

import (
	"os"

	"pgtest/harness/harnesstest"
)

func main() { os.Exit(harnesstest.CacheProgram(os.Args[1:])) }
