package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// hanging is a pipeline whose back ends hang when told to.
type hanging struct {
	*ingesttest.Pipeline
	job   string                         // completed, with outcomes
	plan  atomic.Pointer[faulttest.Plan] // nil: nothing hangs
	ended time.Duration                  // of the last call
}

func newHanging(t *testing.T, timeout time.Duration) *hanging {
	t.Helper()
	h := &hanging{}
	plan := func(ctx context.Context, c faulttest.Call) faulttest.Fault {
		if p := h.plan.Load(); p != nil {
			return (*p)(ctx, c)
		}
		return faulttest.None
	}
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	h.Pipeline = ingesttest.NewWithOptions(t, &ingesttest.Options{
		Jobs:    faulttest.Store(jobs.NewMemStore(), plan),
		Bucket:  faulttest.Bucket(bucket, plan),
		Service: ingest.Options{StoreTimeout: timeout},
	})
	// 900 broken lines: more outcomes than one read returns.
	h.job = h.Client.Upload(t, "application/fhir+ndjson", []byte(`{"resourceType":"Patient","id":"p1"}`+"\n"+strings.Repeat("{\n", 900)))
	require.Equal(t, jobs.Completed, h.Wait(t, h.job).State)
	return h
}

// hang makes calls of a kind hang, from the nth on.
func (h *hanging) hang(kind faulttest.Kind, n int64) {
	var seen atomic.Int64
	plan := faulttest.Plan(func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if c.Kind == kind && seen.Add(1) >= n {
			return faulttest.Hang
		}
		return faulttest.None
	})
	h.plan.Store(&plan)
}

func (h *hanging) do(t *testing.T, method, path, body string) *ingesttest.Answer {
	t.Helper()
	began := time.Now()
	defer func() { h.ended = time.Since(began) }()
	return h.Client.Do(t, method, path, fhirJSON, strings.NewReader(body))
}

// If a back end hangs, the response is a 503, and no request waits for ever.
func TestBackEndsThatHang(t *testing.T) {
	h := newHanging(t, 150*time.Millisecond)
	job := jobsPath + "/" + h.job
	for _, c := range []struct {
		method, path, body string
		kind               faulttest.Kind
		nth                int64
	}{
		{"GET", job, "", faulttest.StoreGet, 1},
		{"GET", jobsPath, "", faulttest.StoreList, 1},
		{"GET", jobsPath + "?status=failed&code=x", "", faulttest.StoreList, 1},
		{"GET", job + "/outcomes", "", faulttest.StoreGet, 1},
		{"GET", job + "/outcomes", "", faulttest.BucketOpen, 1},
		{"GET", job + "/outcomes", "", faulttest.BucketRead, 1},
		{"DELETE", job, "", faulttest.StoreGet, 1},
		{"DELETE", job, "", faulttest.StoreGet, 2},
		{"POST", job + "/redrive", "", faulttest.StoreGet, 1},
		{"POST", job + "/redrive", "", faulttest.StoreUpdate, 1},
		{"POST", jobsPath + "/redrive?status=failed", "", faulttest.StoreList, 1},
		{"POST", uploadPath, "", faulttest.StoreCreate, 1},
		{"POST", bundlePath, small, faulttest.StoreCreate, 1},
	} {
		t.Run(fmt.Sprint(c.method, " ", strings.Replace(c.path, h.job, "JOB", 1), " ", c.kind, " ", c.nth), func(t *testing.T) {
			h.hang(c.kind, c.nth)
			defer h.plan.Store(nil)
			a := h.do(t, c.method, c.path, c.body)
			require.Equal(t, 503, a.Status, string(a.Body))
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.Less(t, h.ended, 20*time.Second)
		})
	}
}

// Outcomes that stop coming end the response in a way that the client notices.
func TestOutcomesThatStall(t *testing.T) {
	h := newHanging(t, 150*time.Millisecond)
	h.hang(faulttest.BucketRead, 2)
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.URL+jobsPath+"/"+h.job+"/outcomes", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	got, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotEmpty(t, got)
	require.Contains(t, h.Logs(), "no answer from the bucket")
	h.plan.Store(nil)
	require.Equal(t, 900, strings.Count(string(h.Client.Outcomes(t, h.job).Body), "\n"))
}

// If the job store does not say whether it has the job, the payload stays, and an event is
// observed. Repeating the request under its key gets the same job.
func TestACreateThatHangs(t *testing.T) {
	for _, fault := range []faulttest.Fault{faulttest.Hang, faulttest.HangAfter, faulttest.Late} {
		t.Run(fault.String(), func(t *testing.T) {
			h := newHanging(t, 150*time.Millisecond)
			plan := faulttest.Plan(func(_ context.Context, c faulttest.Call) faulttest.Fault {
				switch c.Kind {
				case faulttest.StoreCreate:
					return fault
				case faulttest.StoreGet:
					if c.Key != h.job { // so that the job can't be looked up either
						return faulttest.Hang
					}
				}
				return faulttest.None
			})
			send := func() *ingesttest.Answer {
				req, err := http.NewRequestWithContext(t.Context(), "POST", h.URL+bundlePath, strings.NewReader(small))
				require.NoError(t, err)
				req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
				req.Header.Set("Content-Type", fhirJSON)
				req.Header.Set("Idempotency-Key", "k")
				return h.Client.Send(t, req)
			}
			first := faulttest.Plan(func(ctx context.Context, c faulttest.Call) faulttest.Fault {
				if c.Kind == faulttest.StoreGet { // the look for an earlier job: there is none
					h.plan.Store(&plan)
					return faulttest.None
				}
				return plan(ctx, c)
			})
			h.plan.Store(&first)
			a := send()
			h.plan.Store(nil)
			require.Equal(t, 503, a.Status, string(a.Body))
			var unrecorded []ingest.Event
			for _, e := range h.Events() {
				if e.Kind == ingest.EventUnrecorded {
					unrecorded = append(unrecorded, e)
				}
			}
			require.Len(t, unrecorded, 1)
			require.EqualValues(t, len(small), unrecorded[0].Bytes)
			found := 0
			for it := h.Bucket.List(nil); ; {
				o, err := it.Next(t.Context())
				if err != nil {
					break
				}
				if strings.Contains(o.Key, unrecorded[0].JobID) && strings.HasPrefix(o.Key, "incoming/") {
					found++
				}
			}
			require.Equal(t, 1, found, "the payload stays")
			again := send()
			require.Equal(t, 202, again.Status, string(again.Body))
			require.Contains(t, string(again.Body), unrecorded[0].JobID)
			h.Advance(t, time.Minute) // a created job had no wake-up
			require.Equal(t, jobs.Completed, h.Wait(t, unrecorded[0].JobID).State)
		})
	}
}

type hangingSigner struct{}

func (hangingSigner) Enforces() blobstore.Enforced { return blobstore.Enforced{} }

func (hangingSigner) SignUpload(ctx context.Context, _ string, _ blobstore.UploadPolicy) (*blobstore.SignedUpload, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// With the defaults a client gets its response within 3 seconds.
func TestBackEndsThatHangByDefault(t *testing.T) {
	t.Parallel()
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Store: must(blobstore.New(memblob.OpenBucket(nil), &blobstore.Options{Signer: hangingSigner{}}))})
	began := time.Now()
	a := p.Client.Do(t, "POST", uploadPath, "application/json", nil)
	require.Equal(t, 503, a.Status)
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second)
	require.Less(t, time.Since(began), 20*time.Second) // on a busy machine
}
