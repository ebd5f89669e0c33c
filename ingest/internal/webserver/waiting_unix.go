//go:build unix

package webserver

import (
	"net"
	"os"
	"syscall"
)

// takeWaiting takes all connections that wait to be accepted, and ends listening
// as soon as there are no more.
func takeWaiting(l net.Listener) (waiting []net.Conn) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { // which fails for a listener that is closed
		for {
			nfd, _, err := syscall.Accept(int(fd)) // which does not wait: Go's sockets do not
			if err == syscall.EINTR || err == syscall.ECONNABORTED {
				continue
			}
			if err != nil {
				break
			}
			syscall.CloseOnExec(nfd)
			f := os.NewFile(uintptr(nfd), "")
			if conn, err := net.FileConn(f); err == nil { // with a descriptor of its own
				waiting = append(waiting, conn)
			}
			_ = f.Close()
		}
		// At once, where the system knows it; otherwise by Close.
		_ = syscall.Shutdown(int(fd), syscall.SHUT_RD)
	})
	return waiting
}
