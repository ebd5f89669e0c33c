package ingest

import (
	"errors"
	"io"
	"time"
)

// errStalled ends an attempt that stands still, so that its lease is not extended for
// ever: what hangs in a driver or in a handler would keep the job from its end.
var errStalled = &Failure{Code: "stalled", Message: "The payload could not be processed: nothing moved for too long",
	Err: errors.New("ingest: no byte was read and no call of the handler ended for WorkerOptions.StallTimeout")}

// moved notes that the attempt does not stand still.
func (l *lease) moved() { l.last.Store(int64(time.Since(l.taken))) }

// stands says whether the attempt has stood still for too long.
func (l *lease) stands() bool { return time.Since(l.taken)-time.Duration(l.last.Load()) >= l.stall }

// movingReader notes each read that ended.
type movingReader struct {
	io.ReadCloser
	lease *lease
}

func (r movingReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.lease.moved()
	return n, err
}
