//go:build race

package sim

// raceDetector makes everything ten times slower; the simulator has little use for it.
const raceDetector = true
