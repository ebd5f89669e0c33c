package webserver

import "net/http"

// handler has each answer that begins while the server drains close its connection, and
// notes when an answer is the last one of its connection.
func (s *Server) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := &lastAnswer{ResponseWriter: w, draining: s.draining.Load}
		defer func() {
			if w.Header().Get("Connection") == "close" {
				s.conns.answered(r.Context())
			}
		}()
		next.ServeHTTP(last, r)
	})
}

// lastAnswer closes the connection after an answer that begins while draining.
type lastAnswer struct {
	http.ResponseWriter
	draining func() bool
	begun    bool
}

func (w *lastAnswer) WriteHeader(status int) {
	if !w.begun && status >= 200 {
		w.begun = true
		if w.draining() {
			w.Header().Set("Connection", "close")
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *lastAnswer) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *lastAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
