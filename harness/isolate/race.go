//go:build unix && race

package isolate

const raceDetector = true
