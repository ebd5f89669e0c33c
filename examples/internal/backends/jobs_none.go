//go:build noaws || nogcp || nomongo

package backends

import "context"

// jobless is a driver that was left out by a build tag.
func jobless(tag, importPath string) docDriver {
	return func(context.Context, Config) (docStore, error) { return nil, leftOut(tag, importPath) }
}
