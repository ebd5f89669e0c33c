package backends

import "fmt"

// A program over this package has all drivers. Who wants a smaller one leaves out
// what is not used, by the build tags noaws, nogcp, noazure, nokafka and nomongo.

// leftOut is the error of a driver that a build tag left out. It names what a
// program of one's own imports for it.
func leftOut(tag, importPath string) error {
	return fmt.Errorf("this program was built with the tag %s, without %s: build it without the tag, or import that package", tag, importPath)
}
