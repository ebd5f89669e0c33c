package main

import (
	"net/http"
	"time"
)

// stall is how long a client may take nothing of its answer. (How long it may
// send nothing is the handlers' own to bound.) An answer of any size may take as
// long as it needs, as long as it moves.
const stall = 30 * time.Second

// moving gives each answer a deadline that moves on with it.
func moving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mw := &movingWriter{ResponseWriter: w, rc: http.NewResponseController(w)}
		// The connection may still have the deadline of a request before. A
		// connection that knows no deadlines has none to set.
		_ = mw.rc.SetWriteDeadline(time.Time{})
		next.ServeHTTP(mw, r)
		_ = mw.rc.SetWriteDeadline(time.Now().Add(stall)) // for what is written behind the handler
	})
}

type movingWriter struct {
	http.ResponseWriter
	rc   *http.ResponseController
	next time.Time // when the deadline is moved again
}

func (w *movingWriter) Write(p []byte) (int, error) {
	if now := time.Now(); now.After(w.next) {
		w.next = now.Add(time.Second)
		_ = w.rc.SetWriteDeadline(now.Add(stall))
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *movingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
