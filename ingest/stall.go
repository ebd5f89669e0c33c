package ingest

import (
	"errors"
	"io"
	"time"
)

// errStalled ends an attempt that makes no progress, so that its lease is not extended for
// ever if a driver or handler hangs.
var errStalled = &Failure{Code: "stalled", Message: "The payload could not be processed: nothing moved for too long",
	Err: errors.New("ingest: no byte was read and no call of the handler ended for WorkerOptions.StallTimeout")}

// moved notes that the attempt has made progress.
func (l *lease) moved() { l.last.Store(int64(time.Since(l.taken))) }

// stalled reports whether there was no progress for StallTimeout.
func (l *lease) stalled() bool { return time.Since(l.taken)-time.Duration(l.last.Load()) >= l.stall }

// movingReader counts each read that returned as progress.
type movingReader struct {
	io.ReadCloser
	lease *lease
}

func (r movingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.lease.moved()
	return n, err
}
