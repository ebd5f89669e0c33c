package objectstores

import "context"

// What package docservers starts its servers with too.

// Binary finds a server that is installed, or installs it; see binary.
func Binary(ctx context.Context, variable, name, version, inFolder string, install func(folder string) []string) (string, error) {
	return binary(ctx, variable, name, version, inFolder, install)
}

// Start runs a server until it listens on an address. stop kills it.
func Start(ctx context.Context, address, name string, args ...string) (stop func() error, err error) {
	p, err := start(ctx, address, nil, name, args...)
	if err != nil {
		return nil, err
	}
	return p.stop, nil
}

// FreeAddress is one that nobody listens on.
func FreeAddress() (string, error) { return freeAddress() }
