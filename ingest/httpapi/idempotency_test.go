package httpapi_test

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/internal/postgrestest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
)

// openJobs opens a job store that two services share, like two processes.
func openJobs(t *testing.T, driver, dsn string) jobs.Store {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s, err := sqljobs.Open(t.Context(), db, nil)
	require.NoError(t, err)
	return s
}

// requireOneJob checks the result of a race under one key: responses of one job or 409, one
// payload, and the effects of one job.
func requireOneJob(t *testing.T, answers []*httptest.ResponseRecorder, p *ingesttest.Pipeline) {
	t.Helper()
	one := ""
	for _, a := range answers {
		if a.Code == http.StatusConflict {
			require.Equal(t, "1", a.Header().Get("Retry-After"))
			require.Contains(t, a.Body.String(), "under way")
			continue
		}
		require.Equal(t, 202, a.Code, a.Body.String())
		if one == "" {
			one = a.Body.String()
		}
		require.Equal(t, one, a.Body.String(), "the same response, byte for byte")
	}
	require.NotEmpty(t, one, "one request succeeded")
	page, err := p.Jobs.List(t.Context(), jobs.Query{OrganizationID: ingesttest.Organization})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	require.Equal(t, jobs.Completed, p.Wait(t, page.Jobs[0].ID).State)
	payloads := 0
	for it := p.Bucket.List(&blob.ListOptions{Prefix: "incoming/"}); ; payloads++ {
		object, err := it.Next(t.Context())
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		require.Equal(t, page.Jobs[0].Payload.Key, object.Key)
	}
	require.Equal(t, 1, payloads, "no payload without a job")
}

// 32 clients send one key to two services that share bucket and job store, each with its
// own worker.
func TestRacesUnderOneKey(t *testing.T) {
	folder := func(t *testing.T) *blob.Bucket {
		b, err := dirblob.OpenBucket(filepath.Join(t.TempDir(), "blobs"), &dirblob.Options{CreateDir: true})
		require.NoError(t, err)
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	memory := func(t *testing.T) *blob.Bucket {
		b := memblob.OpenBucket(nil)
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	for name, back := range map[string]func(t *testing.T) (*blob.Bucket, jobs.Store, jobs.Store){
		"memory": func(t *testing.T) (*blob.Bucket, jobs.Store, jobs.Store) {
			s := jobs.NewMemStore()
			return memory(t), s, s
		},
		"SQLite": func(t *testing.T) (*blob.Bucket, jobs.Store, jobs.Store) {
			dsn := sqljobs.SQLiteDSN(filepath.Join(t.TempDir(), "jobs.db"))
			return folder(t), openJobs(t, "sqlite", dsn), openJobs(t, "sqlite", dsn)
		},
		"PostgreSQL": func(t *testing.T) (*blob.Bucket, jobs.Store, jobs.Store) {
			url := postgrestest.Schema(t)
			return folder(t), openJobs(t, "pgx", url), openJobs(t, "pgx", url)
		},
	} {
		for kind, buffer := range map[string]int{"held in memory": 1 << 20, "streamed": 16} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				bucket, store, other := back(t)
				sink := &ingesttest.Sink{}
				var pipelines []*ingesttest.Pipeline
				for _, s := range []jobs.Store{store, other} {
					pipelines = append(pipelines, ingesttest.NewWithOptions(t, &ingesttest.Options{
						Bucket: bucket, Jobs: s, Handler: sink, Service: ingest.Options{BufferBytes: buffer},
					}))
				}
				answers := make([]*httptest.ResponseRecorder, 32)
				var ended sync.WaitGroup
				start := make(chan struct{})
				for i := range answers {
					p := pipelines[i%2]
					req, err := http.NewRequestWithContext(t.Context(), "POST", p.URL+bundlePath, strings.NewReader(small))
					require.NoError(t, err)
					req.Header.Set("Authorization", "Bearer "+ingesttest.Token)
					req.Header.Set("Content-Type", fhirJSON)
					req.Header.Set("Idempotency-Key", `"`+jobs.DerivedID(name)+`"`)
					ended.Go(func() {
						<-start
						answers[i] = httptest.NewRecorder()
						resp, err := p.Client.HTTP.Do(req)
						if err != nil {
							answers[i].Code = 0
							return
						}
						defer resp.Body.Close()
						answers[i].Code = resp.StatusCode
						answers[i].Header().Set("Retry-After", resp.Header.Get("Retry-After"))
						_, _ = io.Copy(answers[i].Body, resp.Body)
					})
				}
				close(start)
				ended.Wait()
				requireOneJob(t, answers, pipelines[0])
				require.Len(t, sink.Resources(), 1, "one effect")
			})
		}
	}
}

// While a request is in progress, another one under its key is answered at once, without
// waiting for its body.
func TestARequestInProgressIsAConflict(t *testing.T) {
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true})
	tokens, err := auth.ParseTokens(ingesttest.Token + "=" + ingesttest.Organization)
	require.NoError(t, err)
	// The first one is served by hand, to know when its body is waited for.
	body, sender := io.Pipe()
	first := httptest.NewRequest("POST", bundlePath, body)
	first.Header.Set("Authorization", "Bearer "+ingesttest.Token)
	first.Header.Set("Content-Type", fhirJSON)
	first.Header.Set("Idempotency-Key", `"k"`)
	answer, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		must(httpapi.New(p.Service, tokens, nil)).ServeHTTP(answer, first)
	}()
	_, err = io.WriteString(sender, small[:10]) // returns when it was read
	require.NoError(t, err)

	_, second := raw(t, p, "Idempotency-Key: k\r\nContent-Length: 1000\r\n", "")
	resp := second()
	require.Equal(t, 409, resp.StatusCode)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))
	_, err = io.WriteString(sender, small[10:])
	require.NoError(t, err)
	require.NoError(t, sender.Close())
	<-done
	require.Equal(t, 202, answer.Code)
	_, third := raw(t, p, fmt.Sprintf("Idempotency-Key: k\r\nContent-Length: %d\r\n", len(small)), small)
	require.Equal(t, 202, third().StatusCode)
	_, fourth := raw(t, p, "Idempotency-Key: k\r\nContent-Length: 1000\r\n", "")
	require.Equal(t, 422, fourth().StatusCode, "it can't be the same payload, so its body is not waited for")
}
