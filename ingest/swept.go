package ingest

import "time"

// swept observes the end of a sweep.
func (w *Sweeper) swept(began time.Time, done int, err error) {
	code := "ok"
	if err != nil {
		code = "failed"
	}
	w.svc.opts.Observe(Event{Kind: EventSwept, Code: code, Resources: int64(done), Duration: time.Since(began)})
}
