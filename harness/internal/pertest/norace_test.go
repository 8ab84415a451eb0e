//go:build unix && !race

package pertest_test

// rarely thins out long tables: of each so many rows one is run.
const rarely = 1
