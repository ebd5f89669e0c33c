//go:build !unix

package webserver

import "net"

// takeWaiting returns nil: pending connections can't be taken on this system.
func takeWaiting(net.Listener) []net.Conn { return nil }
