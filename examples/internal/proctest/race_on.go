//go:build race

package proctest

// raceEnabled: the tests run under the race detector, so the program should.
const raceEnabled = true
