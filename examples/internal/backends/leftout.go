//go:build noaws || nogcp || noazure || nokafka || nomongo

package backends

import "fmt"

// leftOut is the error of a driver that a build tag left out. It names what a
// program of one's own imports for it.
func leftOut(tag, importPath string) error {
	return fmt.Errorf("this program was built with the tag %s, without %s: build it without the tag, or import that package", tag, importPath)
}
