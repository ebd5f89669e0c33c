package ingest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

const aTransaction = `{"resourceType":"Bundle","type":"transaction","entry":[
	{"resource":{"resourceType":"Patient","id":"a"},"request":{"method":"PUT","url":"Patient/a"}},
	{"resource":{"resourceType":"Patient","id":"b"},"request":{"method":"PUT","url":"Patient/b"}},
	{"resource":{"resourceType":"Patient","id":"c"},"request":{"method":"PUT","url":"Patient/c"}}]}`

// A transaction with a rejected entry fails, with all of its entries in the outcomes; a
// redrive hands it over again, under a new key.
func TestTransactionIsAllOrNothing(t *testing.T) {
	var refuses atomic.Bool
	refuses.Store(true)
	keys := make(chan string, 10)
	var finished atomic.Int32
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Handler: finisher{
		HandlerFunc: func(_ context.Context, b *ingest.Batch) error {
			keys <- b.Key
			if refuses.Load() {
				b.Reject(1, "business-rule", "Not this one")
			}
			if b.Aborted() != refuses.Load() {
				return ingest.Permanent(errors.New("the handler does not see the transaction"))
			}
			return nil
		}, finished: &finished}})
	id := p.Client.PostBundle(t, []byte(aTransaction)).JobID
	job := p.Wait(t, id)
	require.Equal(t, jobs.Failed, job.State)
	require.Equal(t, ingest.CodeTransactionRejected, job.Failure.Code)
	require.Zero(t, job.Progress.Done)
	require.EqualValues(t, 3, job.Progress.Rejected)
	require.Zero(t, finished.Load(), "Finish is not called for a failed job")
	all := outcomesOf(t, p, id)
	require.Len(t, all, 3)
	for i, code := range []string{"transaction-rejected", "business-rule", "transaction-rejected"} {
		require.EqualValues(t, i, *all[i].Entry)
		require.Equal(t, code, all[i].Issues[0].Code)
		require.Equal(t, string("abc"[i]), all[i].ID)
	}
	answer := p.Client.Do(t, "GET", "/v1/ingestion/jobs/"+id, "", nil)
	require.Contains(t, string(answer.Body), `"transaction-rejected"`)

	first := <-keys
	refuses.Store(false)
	redrive(t, p, id)
	job = p.Wait(t, id)
	require.Equal(t, jobs.Completed, job.State)
	require.EqualValues(t, 3, job.Progress.Done)
	require.Zero(t, job.Progress.Rejected)
	require.NotEqual(t, first, <-keys)
	require.Empty(t, outcomesOf(t, p, id), "the outcomes of the earlier run are gone")
	require.EqualValues(t, 1, finished.Load())
}

type finisher struct {
	ingest.HandlerFunc
	finished *atomic.Int32
}

func (f finisher) Finish(context.Context, *jobs.Job) ([]jobs.Output, error) {
	f.finished.Add(1)
	return nil, nil
}

// A batch or a collection that is handed over whole is not a transaction.
func TestOtherBundlesKeepAcceptedResources(t *testing.T) {
	for _, kind := range []string{"batch", "collection", "message"} {
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
				b.Reject(1, "business-rule", "Not this one")
				if b.Aborted() || b.Transaction || !b.Whole {
					return ingest.Permanent(errors.New("not a transaction"))
				}
				return nil
			})})
		job := p.Wait(t, p.Client.PostBundle(t, []byte(strings.Replace(aTransaction, "transaction", kind, 1))).JobID)
		require.Equal(t, jobs.Completed, job.State)
		require.EqualValues(t, 2, job.Progress.Done)
		require.EqualValues(t, 1, job.Progress.Rejected)
	}
}

// A job whose resources were all rejected fails, and reports why.
func TestNothingTaken(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(bytes.Repeat([]byte(`{"resourceType":"Patient"}`+"\n"), 1000))
	require.NoError(t, w.Close())
	indented := "{\n  \"resourceType\": \"Patient\",\n  \"id\": \"SEKRET\"\n}\n"
	good := `{"resourceType":"Patient"}` + "\n"
	for _, c := range []struct {
		name           string
		payload        string
		state          jobs.State
		code           string
		done, rejected int64
	}{
		{"compressed", zipped.String(), jobs.Failed, "", 0, -1},
		{"indented", indented, jobs.Failed, "", 0, -1},
		{"one broken line", "{\n", jobs.Failed, "", 0, -1},
		{"broken lines at the start", strings.Repeat("x\n", 999) + good, jobs.Completed, "", 1, 999},
		{"a thousand broken lines and more", strings.Repeat("x\n", 1000) + good, jobs.Failed, ingest.CodeNothingTaken, 0, 1000},
		{"the same after a valid line", good + strings.Repeat("x\n", 1500) + good, jobs.Completed, "", 2, 1500},
		{"empty", "", jobs.Completed, "", 0, 0},
		{"blank", "\n \n", jobs.Completed, "", 0, 0},
	} {
		for _, size := range []int{0, 7} {
			t.Run(fmt.Sprint(c.name, size), func(t *testing.T) {
				p := ingesttest.NewWithOptions(t, &ingesttest.Options{Worker: ingest.WorkerOptions{BatchResources: size}})
				job := p.Wait(t, p.Client.Upload(t, ndjson, []byte(c.payload)))
				require.Equal(t, c.state, job.State)
				require.Equal(t, c.done, job.Progress.Done)
				if c.rejected >= 0 && size == 0 {
					require.Equal(t, c.rejected, job.Progress.Rejected)
				}
				if c.code != "" {
					require.Equal(t, c.code, job.Failure.Code)
				}
				if job.State == jobs.Failed {
					require.Regexp(t, `(?i)JSON|gzip|lines`, job.Failure.Message)
					require.NotContains(t, job.Failure.Message, "SEKRET")
					answer := p.Client.Do(t, "GET", "/v1/ingestion/jobs/"+job.ID, "", nil)
					require.Contains(t, string(answer.Body), job.Failure.Message)
				}
			})
		}
	}
}

// Cases u11 and u22 of the shared cases.
func TestSharedCasesWithoutAValidLine(t *testing.T) {
	for _, name := range []string{"two-patients-compressed.bin", "indented-resource.ndjson"} {
		payload, err := os.ReadFile(filepath.Join("..", "..", "shared", "cases", name))
		if err != nil {
			t.Skipf("SKIPPED: the shared cases are not here: %s", name)
		}
		p := ingesttest.New(t)
		require.Equal(t, jobs.Failed, p.Wait(t, p.Client.Upload(t, ndjson, payload)).State, name)
	}
}

// If the handler rejects everything the job fails too, and a redrive hands it over again.
func TestAllRejectedByTheHandler(t *testing.T) {
	var refuses atomic.Bool
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{
		Handler: ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			for i := range b.Resources {
				if refuses.Load() {
					b.Reject(i, "not-supported", "None of them")
				}
			}
			return nil
		}),
		Worker: ingest.WorkerOptions{BatchResources: 2},
	})
	lines := bytes.Repeat([]byte(`{"resourceType":"Patient"}`+"\n"), 1500)
	for _, send := range []func() string{
		func() string { return p.Client.Upload(t, ndjson, lines) },
		func() string { return p.Client.PostBundle(t, []byte(twoPatients)).JobID },
	} {
		refuses.Store(true)
		job := p.Wait(t, send())
		require.Equal(t, jobs.Failed, job.State)
		require.Equal(t, ingest.CodeNothingTaken, job.Failure.Code)
		require.Contains(t, job.Failure.Message, "all resources ("+fmt.Sprint(job.Progress.Rejected)+") were rejected")
		require.EqualValues(t, len(outcomesOf(t, p, job.ID)), job.Progress.Rejected)
		refuses.Store(false)
		redrive(t, p, job.ID)
		job = p.Wait(t, job.ID)
		require.Equal(t, jobs.Completed, job.State)
		require.Zero(t, job.Progress.Rejected)
		require.NotZero(t, job.Progress.Done)
		require.Empty(t, outcomesOf(t, p, job.ID))
	}
}

func redrive(t *testing.T, p *ingesttest.Pipeline, id string) {
	t.Helper()
	_, err := p.Service.Redrive(t.Context(), ingest.Caller{OrganizationID: ingesttest.Organization}, id)
	require.NoError(t, err)
}

func outcomesOf(t *testing.T, p *ingesttest.Pipeline, id string) (all []ingest.Outcome) {
	t.Helper()
	r, err := p.Service.Outcomes(t.Context(), ingest.Caller{OrganizationID: ingesttest.Organization}, id)
	require.NoError(t, err)
	defer r.Close()
	for d := json.NewDecoder(r); d.More(); {
		var o ingest.Outcome
		require.NoError(t, d.Decode(&o))
		all = append(all, o)
	}
	return all
}
