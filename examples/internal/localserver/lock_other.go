//go:build !unix

package localserver

// lock is none: the second of two who install finds the folder taken, and fails.
func lock(string) (unlock func(), err error) { return func() {}, nil }
