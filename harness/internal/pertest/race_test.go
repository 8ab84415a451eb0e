//go:build unix && race

package pertest_test

// rarely thins out long tables: of each so many rows one is run. The race
// detector makes each process several times as slow.
const rarely = 5
