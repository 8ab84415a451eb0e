// Package network is a package with a test that is skipped.
package network

import "testing"

func TestDownload(t *testing.T) {
	t.Skip("there is no network in the demo")
}
