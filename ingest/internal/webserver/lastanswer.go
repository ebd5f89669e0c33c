package webserver

import "net/http"

// handler wraps next so that each response that starts while the server drains closes its
// connection. It also records which responses are the last on their connection.
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

// lastAnswer closes the connection after a response that starts while draining.
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
