package signedurl

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
)

// Place is the place of an admitted upload, such as a budget.Place of package
// github.com/fhirdock/fhirdock/ingest/budget. It is used by one goroutine.
type Place interface {
	// Enter waits for the upload's turn. Its error is like Admit's.
	Enter(context.Context) error
	// Leave ends the turn, if there is one. It is called before waiting for the client.
	Leave()
	// Write is called with what was written to the bucket.
	io.Writer
	// Release is called once, when the upload has ended.
	Release()
}

// Refusal is an error of [HandlerOptions.Admit] or [Place] that determines the answer. Other
// errors are answered with 503.
type Refusal interface {
	error
	Status() int
	Header() map[string]string
}

// maxPuts is the default limit of concurrent uploads.
const maxPuts = 128

// refusal is an error that is answered with 503.
type refusal struct{ error }

func (refusal) Status() int               { return http.StatusServiceUnavailable }
func (refusal) Header() map[string]string { return map[string]string{"Retry-After": "1"} }

// places admits a limited number of concurrent uploads.
type places chan struct{}

func (p places) admit(string, int64) (Place, error) {
	select {
	case p <- struct{}{}:
		return place{p}, nil
	default:
		return nil, refusal{errors.New("signedurl: too many concurrent uploads")}
	}
}

type place struct{ of places }

func (place) Enter(context.Context) error     { return nil }
func (place) Leave()                          {}
func (place) Write(b []byte) (n int, _ error) { return len(b), nil }
func (p place) Release()                      { <-p.of }

// keys has the keys of the create-only uploads in progress. Only one upload of a key can
// succeed.
type keys struct {
	mu    sync.Mutex
	taken map[string]bool
}

// take reserves the key of a create-only upload until leave is called. It returns false if
// the key is reserved.
func (k *keys) take(g *grant) (leave func(), ok bool) {
	if !g.policy.CreateOnly {
		return func() {}, true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.taken[g.key] {
		return nil, false
	}
	k.taken[g.key] = true
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.taken, g.key)
	}, true
}

// admit reserves the key and a place for an upload before its body is read. If it can't, it
// answers the request.
func (h *handler) admit(w http.ResponseWriter, r *http.Request, g *grant) (p Place, leave func(), ok bool) {
	free, ok := h.keys.take(g)
	if !ok { // S3's code for concurrent conditional writes of a key
		w.Header().Set("Retry-After", "1")
		h.refuse(w, r, http.StatusConflict, "ConditionalRequestConflict", "Another upload to this URL is in progress; try again only if it fails")
		return nil, nil, false
	}
	p, err := h.opts.Admit(g.key, r.ContentLength)
	if err != nil {
		free()
		h.busy(w, r, err)
		return nil, nil, false
	}
	return p, func() {
		p.Release()
		free()
	}, true
}

// busy answers an upload that was not admitted or did not get a turn, with S3's code, after
// which clients retry.
func (h *handler) busy(w http.ResponseWriter, r *http.Request, err error) {
	answer, ok := errors.AsType[Refusal](err)
	if !ok {
		answer = refusal{err}
	}
	for name, value := range answer.Header() {
		w.Header().Set(name, value)
	}
	if answer.Status() == http.StatusTooManyRequests {
		h.refuse(w, r, http.StatusTooManyRequests, "SlowDown", "You have too many concurrent uploads; try again later")
		return
	}
	h.failures.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "upload refused", about(w, r, slog.String("error", err.Error()))...)
	h.refuse(w, r, http.StatusServiceUnavailable, "SlowDown", "There are too many uploads, or not enough space for this one; try again later")
}
