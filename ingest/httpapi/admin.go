package httpapi

import (
	"errors"
	"net/http"
	"net/http/pprof"
)

// NewAdmin returns a handler for an address that only operators can reach: it requires no
// credentials.
//
//	/healthz         [Health.Live]
//	/readyz          [Health.Ready]
//	/metrics         metrics, such as a promhttp handler; 404 if nil
//	/debug/pprof/    profiles, without the command line, which may have secrets in it
//
// Other paths get a 404. A profile or trace takes as long as its parameter seconds, so a
// server for this handler needs a longer WriteTimeout. NewAdmin fails without a Health.
func NewAdmin(h *Health, metrics http.Handler) (http.Handler, error) {
	if h == nil {
		return nil, errors.New("httpapi: NewAdmin needs a Health")
	}
	mux := http.NewServeMux()
	notFound := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeStatus(w, http.StatusNotFound, map[string]any{"error": "Not found"})
	})
	mux.Handle(LivePath, h.Live())
	mux.Handle(ReadyPath, h.Ready())
	if metrics != nil {
		mux.Handle(MetricsPath, getOnly(metrics))
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.Handle("GET /debug/pprof/cmdline", notFound)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("/", notFound)
	return mux, nil
}
