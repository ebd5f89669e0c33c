package signedurl

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
)

// Place is what an upload that was admitted has taken. A Budget's is one: see package
// github.com/fhirdock/fhirdock/ingest/budget. It is used by one goroutine.
type Place interface {
	// Enter waits until the upload may be worked on, or returns an error as Admit does.
	Enter(context.Context) error
	// Leave ends the turn, if there is one. It is called before the client is waited for.
	Leave()
	// Write is told of what was written to the bucket.
	io.Writer
	// Release is called once, when the upload has ended.
	Release()
}

// Refusal is an error of [HandlerOptions.Admit] or [Place] that says what to answer.
// Others are answered with 503.
type Refusal interface {
	error
	Status() int
	Header() map[string]string
}

// maxPuts is how many uploads are taken at once where nobody else decides.
const maxPuts = 128

// refusal is the error of the places below, and of a key.
type refusal struct{ error }

func (refusal) Status() int               { return http.StatusServiceUnavailable }
func (refusal) Header() map[string]string { return map[string]string{"Retry-After": "1"} }

// places admits maxPuts uploads at a time, whoever sends them.
type places chan struct{}

func (p places) admit(string, int64) (Place, error) {
	select {
	case p <- struct{}{}:
		return place{p}, nil
	default:
		return nil, refusal{errors.New("signedurl: as many uploads at once as are taken")}
	}
}

type place struct{ of places }

func (place) Enter(context.Context) error     { return nil }
func (place) Leave()                          {}
func (place) Write(b []byte) (n int, _ error) { return len(b), nil }
func (p place) Release()                      { <-p.of }

// keys are those of the create-only uploads in progress: only one of a key can succeed.
type keys struct {
	mu    sync.Mutex
	taken map[string]bool
}

// take takes the key of an upload, until leave is called. It reports whether it was free.
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

// admit gives an upload its key and its place, before its body is read. If it can't have
// them, it is answered here.
func (h *handler) admit(w http.ResponseWriter, r *http.Request, g *grant) (p Place, leave func(), ok bool) {
	free, ok := h.keys.take(g)
	if !ok { // the code is S3's, for concurrent conditional writes of one key
		w.Header().Set("Retry-After", "1")
		h.refuse(w, r, http.StatusConflict, "ConditionalRequestConflict", "Another upload to this URL is under way; only if it fails can you upload again")
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

// busy answers an upload that was not admitted, or whose turn did not come. The code is
// S3's, after which clients repeat a request.
func (h *handler) busy(w http.ResponseWriter, r *http.Request, err error) {
	said, ok := errors.AsType[Refusal](err)
	if !ok {
		said = refusal{err}
	}
	for name, value := range said.Header() {
		w.Header().Set(name, value)
	}
	if said.Status() == http.StatusTooManyRequests {
		h.refuse(w, r, http.StatusTooManyRequests, "SlowDown", "Too many of your uploads at once; try again later")
		return
	}
	h.failures.Log(r.Context(), h.opts.Logger, slog.LevelWarn, "upload refused", slog.String("error", err.Error()))
	h.refuse(w, r, http.StatusServiceUnavailable, "SlowDown", "There are too many uploads, or there is not enough space for this one; try again later")
}
