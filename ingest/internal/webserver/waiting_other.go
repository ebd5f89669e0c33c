//go:build !unix

package webserver

import "net"

// takeWaiting takes none: they are reset.
func takeWaiting(net.Listener) []net.Conn { return nil }
