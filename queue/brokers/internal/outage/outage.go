// Package outage tells a broker that can't be reached from a mistake in its URL: a program
// starts without the first, and must not start with the second.
package outage

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"
)

// StartTimeout is how long a start waits for the broker's first answer. After that the
// broker counts as unreachable, and is connected to in the background.
const StartTimeout = 5 * time.Second

// Unreachable reports whether an error says that a server did not answer: it refused or
// ended the connection, its name is not known, or the time was over. What TLS objects to
// is none: certificates don't come back by waiting.
func Unreachable(err error) bool {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return !slices.Contains([]string{"remote error", "local error"}, op.Op) // alerts of TLS
	}
	_, unnamed := errors.AsType[*net.DNSError](err)
	_, system := errors.AsType[syscall.Errno](err)
	return unnamed || system || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
