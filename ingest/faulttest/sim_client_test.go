package faulttest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/queue"
)

// requestKey is the context key of a request.
type requestKey struct{}

// request is one client's work: a payload to ingest, and possibly more.
type request struct {
	n       int
	who     ingest.Caller
	ndjson  bool
	kind    string // of Bundle
	key     string // Idempotency-Key
	payload []byte
	lines   []line
	faulty  atomic.Bool // a call on its behalf met a fault
	gone    func()      // ends the context of the client's current action
	job     string      // in the response
}

// line is one entry or line of a payload and its expected result.
type line struct {
	id       string
	text     string
	rejected bool
}

// promise is what a response has guaranteed to a client.
type promise struct {
	request   *request
	stored    bool // the payload is stored: 202, or 200 of the PUT
	cancelled bool
}

func (w *world) request(n int) *request {
	r := &request{n: n, who: ingest.Caller{OrganizationID: []string{ledgerOrg, ledgerOrg, lakeOrg}[w.rng.IntN(3)]}, ndjson: w.rng.IntN(2) == 0}
	if w.rng.IntN(2) == 0 {
		r.key = fmt.Sprintf("key %d of seed %d", n, w.seed)
	}
	for i := range 1 + w.rng.IntN(12) {
		l := line{id: fmt.Sprintf("r%d", i)}
		kind := w.rng.IntN(8)
		if kind == 0 && r.who.OrganizationID == ledgerOrg {
			l.id, l.rejected = fmt.Sprintf("refused%d", i), true
		}
		l.text = fmt.Sprintf(`{"resourceType":"%s","id":"%s"}`, []string{"Patient", "Observation"}[i%2], l.id)
		if kind == 1 && r.ndjson && i > 0 {
			l.text, l.rejected = fmt.Sprintf(`{"resourceType":"Patient","id":"broken%d"`, i), true
		}
		r.lines = append(r.lines, l)
	}
	var b bytes.Buffer
	if r.ndjson {
		for _, l := range r.lines {
			b.WriteString(l.text + "\n")
		}
	} else {
		r.kind = []string{"transaction", "batch", "batch", "collection"}[w.rng.IntN(4)]
		fmt.Fprintf(&b, `{"resourceType":"Bundle","type":"%s","entry":[`, r.kind)
		for i, l := range r.lines {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"resource":%s}`, l.text)
		}
		b.WriteString(`]}`)
	}
	r.payload = b.Bytes()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, r)
	return r
}

// rejected returns how many lines are rejected by themselves, and whether nothing of the
// payload is accepted: all of them are rejected, or one of a transaction is.
func (r *request) rejected() (n int, nothing bool) {
	for _, l := range r.lines {
		if l.rejected {
			n++
		}
	}
	return n, n == len(r.lines) || n > 0 && r.kind == "transaction"
}

// send simulates a client.
func (r *request) send(w *world, rng *rand.Rand) {
	for range 1 + rng.IntN(3) { // retry if told to
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), requestKey{}, r), 30*time.Second)
		if rng.IntN(10) == 0 { // disconnect before the response
			time.AfterFunc(time.Duration(rng.Int64N(int64(time.Second))), cancel)
		}
		done := r.try(ctx, w, rng)
		cancel()
		if done && (r.key == "" || rng.IntN(3) > 0) { // with a key, it may repeat
			break
		}
		if r.key == "" {
			break
		}
		w.pause(rng, 10*time.Second)
	}
	for range rng.IntN(3) {
		w.pause(rng, 20*time.Second)
		r.meddle(w, rng)
	}
}

// try sends the payload in one of the ways, and reports whether it was accepted.
func (r *request) try(ctx context.Context, w *world, rng *rand.Rand) bool {
	front := w.front.Load()
	if !r.ndjson && (r.key != "" || rng.IntN(3) > 0) { // each key is only used in one way
		receipt, err := front.svc.Accept(ctx, r.who, ingest.AcceptRequest{Body: bytes.NewReader(r.payload), IdempotencyKey: r.key})
		w.note("client", "request %d, %s: %v", r.n, "accept", err)
		if err != nil {
			if !errors.Is(err, ingest.ErrUnavailable) {
				w.violation("request %d was refused: %v", r.n, err)
			}
			return false
		}
		w.promise(r, receipt.Job.ID).stored = true
		return true
	}
	ask := ingest.UploadRequest{IdempotencyKey: r.key, ContentType: "application/fhir+json"}
	if r.ndjson {
		ask.ContentType = "application/fhir+ndjson"
	}
	if rng.IntN(2) == 0 && r.key == "" {
		ask.ContentLength = int64(len(r.payload))
	}
	ticket, err := front.svc.SignUpload(ctx, r.who, ask)
	w.note("client", "request %d, %s: %v", r.n, "sign", err)
	if err != nil {
		if !errors.Is(err, ingest.ErrUnavailable) && !(errors.Is(err, ingest.ErrState) && r.key != "") {
			w.violation("request %d got no ticket: %v", r.n, err)
		}
		return false
	}
	p := w.promise(r, ticket.Job.ID)
	if rng.IntN(8) == 0 {
		return true // and never uploads
	}
	w.pause(rng, 3*time.Second)
	body := httptest.NewRequestWithContext(ctx, ticket.Upload.Method, ticket.Upload.URL, bytes.NewReader(r.payload))
	for name, value := range ticket.Upload.Headers {
		body.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	w.front.Load().uploads.ServeHTTP(answer, body)
	w.note("client", "request %d, PUT: %d", r.n, answer.Code)
	if answer.Code == http.StatusOK {
		w.mu.Lock()
		p.stored = true
		w.mu.Unlock()
	}
	return true
}

// promise returns the guarantees for a job that a client knows. All requests under one key
// share them.
func (w *world) promise(r *request, id string) *promise {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.promises[id]
	if p == nil {
		p = &promise{request: r}
		w.promises[id] = p
	}
	if p.request != r {
		w.bad = append(w.bad, fmt.Sprintf("requests %d and %d have the same job, %s", p.request.n, r.n, id))
	}
	return p
}

// meddle changes a job that the client knows, or wakes it for no reason.
func (r *request) meddle(w *world, rng *rand.Rand) {
	w.mu.Lock()
	var id string
	var p *promise
	for known, told := range w.promises {
		if told.request == r && (id == "" || known < id) {
			id, p = known, told
		}
	}
	w.mu.Unlock()
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), requestKey{}, r), 30*time.Second)
	defer cancel()
	svc := w.front.Load().svc
	switch rng.IntN(6) {
	case 0:
		_, err := svc.Cancel(ctx, r.who, id)
		w.note("client", "request %d, cancel: %v", r.n, err)
		if err == nil {
			w.mu.Lock()
			p.cancelled = true
			w.mu.Unlock()
		}
	case 1, 2, 3:
		_, err := svc.Redrive(ctx, r.who, id)
		w.note("client", "request %d, redrive: %v", r.n, err)
	case 4:
		for range 1 + rng.IntN(3) {
			_ = must(queue.NewPublisher(w.topic, nil)).Publish(ctx, queue.Message{JobID: id})
		}
	case 5:
		if _, err := svc.Job(ctx, r.who, id); err != nil && !errors.Is(err, ingest.ErrUnavailable) && w.gone(id) == nil {
			w.violation("job %s of request %d: %v", id, r.n, err)
		}
		if _, err := svc.Job(ctx, ingest.Caller{OrganizationID: "another"}, id); err == nil {
			w.violation("job %s is shown to another organization", id)
		}
	}
	if r.key != "" && !r.ndjson && p.stored && rng.IntN(4) == 0 && w.retention == nil {
		_, err := svc.Accept(ctx, r.who, ingest.AcceptRequest{Body: strings.NewReader(string(r.payload) + " "), IdempotencyKey: r.key})
		if err == nil {
			w.violation("request %d: another payload was accepted under the same key", r.n)
		}
	}
}
