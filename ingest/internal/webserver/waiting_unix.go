//go:build unix

package webserver

import (
	"net"
	"os"
	"syscall"
)

// takeWaiting accepts all pending connections and stops listening as soon as there are
// no more.
func takeWaiting(l net.Listener) (waiting []net.Conn) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { // fails if the listener is closed
		for {
			nfd, _, err := syscall.Accept(int(fd)) // doesn't block: Go's sockets are non-blocking
			if err == syscall.EINTR || err == syscall.ECONNABORTED {
				continue
			}
			if err != nil {
				break
			}
			syscall.CloseOnExec(nfd)
			f := os.NewFile(uintptr(nfd), "")
			if conn, err := net.FileConn(f); err == nil { // has its own descriptor
				waiting = append(waiting, conn)
			}
			_ = f.Close()
		}
		// Stops listening at once where the system supports it; elsewhere Close does.
		_ = syscall.Shutdown(int(fd), syscall.SHUT_RD)
	})
	return waiting
}
