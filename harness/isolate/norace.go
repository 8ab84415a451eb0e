//go:build unix && !race

package isolate

const raceDetector = false
