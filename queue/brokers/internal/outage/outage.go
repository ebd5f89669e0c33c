// Package outage distinguishes an unreachable broker from a mistake in its URL: a program
// starts despite the first, and must not start with the second.
package outage

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"
)

// StartTimeout is how long opening waits for the broker's first answer. After that the
// broker counts as unreachable, and connecting continues in the background.
const StartTimeout = 5 * time.Second

// Unreachable reports whether an error means that a server did not answer: it refused or
// closed the connection, its name was not found, or time ran out. TLS errors don't count:
// waiting does not fix a certificate.
func Unreachable(err error) bool {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return !slices.Contains([]string{"remote error", "local error"}, op.Op) // TLS alerts
	}
	_, unnamed := errors.AsType[*net.DNSError](err)
	_, system := errors.AsType[syscall.Errno](err)
	return unnamed || system || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
