package faulttest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
)

// Faults of the enumeration in addition to the decorators'.
const (
	cancelled faulttest.Fault = 100 + iota // the caller ends: the client goes away, or the node is stopped
	killed                                 // the node dies at the call
)

func faultName(f faulttest.Fault) string {
	switch f {
	case cancelled:
		return "cancelled"
	case killed:
		return "killed"
	}
	return f.String()
}

// place is one back-end call of a scenario: the nth of its kind, by the front door or by
// nodes.
type place struct {
	who  string
	kind faulttest.Kind
	n    int
}

func (p place) String() string { return fmt.Sprintf("%s %s #%d", p.who, p.kind, p.n) }

// TestEnumeration runs one scenario for every back-end call that it makes, with each fault
// at that call only: a transaction that is rejected and sent again under its key, one that
// is accepted, uploads to a ledger and to a lake with rejected lines, a job that is
// cancelled during processing, one that fails and is redriven, and one that is redriven
// after it completed. In memory each call gets one of the faults in turn, and on the other
// back ends some calls do. With FHIRDOCK_TEST_LONG=1 every call gets every fault, on every
// back end.
func TestEnumeration(t *testing.T) {
	long := os.Getenv("FHIRDOCK_TEST_LONG") == "1"
	deadline, ends := t.Deadline()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.prepare(t, &b)
			faults := []faulttest.Fault{faulttest.Before, faulttest.After, faulttest.Hang, cancelled,
				faulttest.HangAfter, faulttest.Late, faulttest.Double, killed}
			chosen := func(call, fault int) bool {
				return long || call%len(faults) == fault && (!b.slow || call%19 == 0)
			}
			var places []place
			scenario(t, b, nil, faulttest.None, func(w *world, seen []place) {
				places = seen
				for _, bad := range w.violations() {
					t.Errorf("without a fault: %s\n%s", bad, w.trace())
				}
				if left := w.objects("staging/"); len(left) > 0 {
					t.Errorf("without a fault this is left unfinished: %q", left)
				}
			})
			if t.Failed() {
				return
			}
			began, runs, met := time.Now(), 0, 0
			for i := range len(places) * len(faults) {
				at, fault := places[i/len(faults)], faults[i%len(faults)]
				if !chosen(i/len(faults), i%len(faults)) {
					continue
				}
				if ends && time.Until(deadline) < 20*time.Second {
					t.Errorf("out of time at %s, %d of %d", at, i, len(places)*len(faults))
					break
				}
				runs++
				scenario(t, b, &at, fault, func(w *world, _ []place) {
					if w.met.Load() {
						met++
					}
					if bad := w.violations(); len(bad) > 0 {
						t.Errorf("%s at %s: %q\n%s", faultName(fault), at, bad, w.trace())
					}
				})
				if t.Failed() {
					return
				}
			}
			t.Logf("%d calls, %d runs with one fault each in %s; %d reached the call", len(places), runs, time.Since(began).Round(time.Millisecond), met)
			// Goroutines may run in another order, which changes how often a call is made.
			require.Greater(t, met*10, runs*9, "most calls are repeated in each run")
		})
	}
}

// scenario runs the scenario once, with a fault at one place.
func scenario(t *testing.T, b backend, at *place, fault faulttest.Fault, done func(*world, []place)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, sound)
		closeBackend := b.open(t, w)
		var mu sync.Mutex
		var seen []place
		counts := map[place]int{}
		w.script = func(ctx context.Context, p *process, c faulttest.Call) faulttest.Fault {
			here := place{who: p.name[:4], kind: c.Kind}
			mu.Lock()
			counts[here]++
			here.n = counts[here]
			seen = append(seen, here)
			mu.Unlock()
			if at == nil || here != *at || w.met.Swap(true) {
				return faulttest.None
			}
			r, _ := ctx.Value(requestKey{}).(*request)
			switch {
			case fault == cancelled && r != nil:
				r.gone()
				return faulttest.None
			case fault == cancelled && p.name == "front":
				return faulttest.None // a send, whose context belongs to no process
			case fault == cancelled:
				p.stop()
				return faulttest.None
			case fault == killed && p.name == "front":
				return faulttest.None
			case fault == killed:
				p.crash("at " + c.String())
				return faulttest.After
			}
			return fault
		}
		defer w.mustEnd(fmt.Sprintf("%s at %s", faultName(fault), at))()
		w.play()
		done(w, places(seen))
		closeBackend()
		w.close()
	})
}

// places returns the calls without periodic ones, whose number only depends on time: one
// sweep is like another, and so is one look at a lease.
func places(seen []place) []place {
	var kept []place
	for _, p := range seen {
		if p.kind == faulttest.StoreDue && p.n > 4 || p.kind == faulttest.SubscriptionAck && p.n > 4 {
			continue
		}
		kept = append(kept, p)
	}
	sort.SliceStable(kept, func(i, j int) bool { return kept[i].who < kept[j].who })
	return kept
}

// play runs the scenario, and then until nothing is due.
func (w *world) play() {
	w.chaos.Store(true)
	w.poisoned.Store(true)
	front := w.start("front", false)
	w.front.Store(front)
	stop := make(chan struct{})
	var nodes sync.WaitGroup
	nodes.Go(func() { // one node, and another one when it ends
		for n := 0; ; n++ {
			p := w.start(fmt.Sprint("node", n), true)
			select {
			case <-p.ctx.Done():
				p.wait()
			case <-stop:
				p.wait()
				return
			}
		}
	})

	bundle := w.plain(ledgerOrg, "transaction", "a", "b", "refused")
	bundle.key = "once"
	w.do(bundle, (*request).post)
	w.do(bundle, (*request).post)
	w.do(w.plain(ledgerOrg, "transaction", "a", "b"), (*request).post)
	ndjson := w.plain(ledgerOrg, "", "a", "b", "broken", "refused", "c")
	w.do(ndjson, (*request).upload)
	lake := w.plain(lakeOrg, "", "a", "broken", "b", "c", "d")
	w.do(lake, (*request).upload)
	toLake := w.plain(lakeOrg, "batch", "a", "b", "c")
	w.do(toLake, (*request).post)
	time.Sleep(7 * time.Second)

	slow := w.plain(ledgerOrg, "batch", "a", "b", "slow", "c", "refused", "d")
	w.do(slow, (*request).post)
	time.Sleep(time.Second)
	w.do(slow, (*request).cancel)
	poison := w.plain(ledgerOrg, "batch", "a", "b", "poison", "c")
	w.do(poison, (*request).post)
	time.Sleep(3 * time.Second)
	w.poisoned.Store(false)
	w.do(poison, (*request).redrive)
	w.do(lake, (*request).redrive)
	w.do(ndjson, (*request).look)
	time.Sleep(20 * time.Second)

	// Stop the faults. Calls that hang for ever end with their process.
	w.chaos.Store(false)
	close(stop)
	nodes.Wait()
	front.wait()
	last := w.start("last", true)
	w.settle()
	last.wait()
	w.checkEnd()
}

// plain returns a request with resources of these ids; see line for their meaning.
func (w *world) plain(org, bundle string, ids ...string) *request {
	r := &request{n: len(w.requests), who: ingest.Caller{OrganizationID: org}, ndjson: bundle == "", kind: bundle}
	var b bytes.Buffer
	if !r.ndjson {
		fmt.Fprintf(&b, `{"resourceType":"Bundle","type":"%s","entry":[`, bundle)
	}
	for i, id := range ids {
		l := line{id: id, text: fmt.Sprintf(`{"resourceType":"%s","id":"%s"}`, []string{"Patient", "Observation"}[i%2], id), rejected: refused(id)}
		if id == "broken" {
			l.text, l.rejected = `{"resourceType":"Patient","id":"broken"`, true
		}
		r.lines = append(r.lines, l)
		switch {
		case r.ndjson:
			b.WriteString(l.text + "\n")
		case i > 0:
			b.WriteByte(',')
			fallthrough
		default:
			fmt.Fprintf(&b, `{"resource":%s}`, l.text)
		}
	}
	if !r.ndjson {
		b.WriteString(`]}`)
	}
	r.payload = b.Bytes()
	w.requests = append(w.requests, r)
	return r
}

// do runs one action of a client, for at most half a minute.
func (w *world) do(r *request, what func(*request, context.Context, *world) error) {
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), requestKey{}, r), 30*time.Second)
	defer cancel()
	r.gone = cancel
	err := what(r, ctx, w)
	w.note("client", "request %d: %v", r.n, err)
	if err != nil && !w.met.Load() {
		w.violation("request %d failed without a fault: %v", r.n, err)
	}
}

func (r *request) post(ctx context.Context, w *world) error {
	receipt, err := w.front.Load().svc.Accept(ctx, r.who, ingest.AcceptRequest{Body: bytes.NewReader(r.payload), IdempotencyKey: r.key})
	if err != nil {
		return err
	}
	r.job = receipt.Job.ID
	w.promise(r, r.job).stored = true
	return nil
}

func (r *request) upload(ctx context.Context, w *world) error {
	ticket, err := w.front.Load().svc.SignUpload(ctx, r.who, ingest.UploadRequest{ContentType: "application/fhir+ndjson"})
	if err != nil {
		return err
	}
	r.job = ticket.Job.ID
	p := w.promise(r, r.job)
	put := httptest.NewRequestWithContext(ctx, ticket.Upload.Method, ticket.Upload.URL, bytes.NewReader(r.payload))
	for name, value := range ticket.Upload.Headers {
		put.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	w.front.Load().uploads.ServeHTTP(answer, put)
	if answer.Code != http.StatusOK {
		return fmt.Errorf("PUT: %d", answer.Code)
	}
	p.stored = true
	return nil
}

var errNoJob = errors.New("there is no job")

func (r *request) cancel(ctx context.Context, w *world) error {
	if r.job == "" {
		return errNoJob
	}
	_, err := w.front.Load().svc.Cancel(ctx, r.who, r.job)
	if err == nil {
		w.promise(r, r.job).cancelled = true
	}
	return err
}

func (r *request) redrive(ctx context.Context, w *world) error {
	if r.job == "" {
		return errNoJob
	}
	_, err := w.front.Load().svc.Redrive(ctx, r.who, r.job)
	return err
}

func (r *request) look(ctx context.Context, w *world) error {
	if r.job == "" {
		return errNoJob
	}
	svc := w.front.Load().svc
	if _, err := svc.Jobs(ctx, r.who, ingest.ListRequest{}); err != nil {
		return err
	}
	outcomes, err := svc.Outcomes(ctx, r.who, r.job)
	if err != nil {
		return err
	}
	return outcomes.Close()
}
