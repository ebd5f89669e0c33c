//go:build !unix

package webserver

import "net"

// takeWaiting returns none: waiting connections are reset.
func takeWaiting(net.Listener) []net.Conn { return nil }
