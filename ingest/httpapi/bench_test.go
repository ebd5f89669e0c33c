package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/fhirbundle/fhirgen"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/auth"
	"github.com/fhirdock/fhirdock/ingest/httpapi"
	"github.com/fhirdock/fhirdock/jobs/sqljobs"
	"github.com/fhirdock/fhirdock/queue"
)

// BenchmarkAccept posts Bundles of about 16 KiB to the API over a folder and SQLite, and to
// a bare handler that does the minimum for durable acceptance: read, hash, write a file,
// sync file and folder. Compare the accepts/s of both in one run.
func BenchmarkAccept(b *testing.B) {
	body := fhirgen.New(nil).AppendBundle(nil, "transaction", 8)
	for _, clients := range []int{1, 8, 32} {
		for name, handler := range map[string]func(testing.TB, string) http.Handler{"bare": bareDoor, "fhirdock": durableDoor} {
			b.Run(fmt.Sprintf("%s/clients=%d", name, clients), func(b *testing.B) {
				server := httptest.NewServer(handler(b, b.TempDir()))
				defer server.Close()
				client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ResetTimer()
				var wg sync.WaitGroup
				for range clients {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							post(b, client, server.URL+bundlePath, body)
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
			})
		}
	}
}

func post(b *testing.B, client *http.Client, url string, body []byte) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer dev")
	req.Header.Set("Content-Type", fhirJSON)
	resp, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusAccepted {
		b.Errorf("status %d, %v", resp.StatusCode, err)
	}
}

func bareDoor(_ testing.TB, dir string) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_ = sha256.Sum256(body)
			err = writeSynced(filepath.Join(dir, fmt.Sprint(n.Add(1))), body)
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

func writeSynced(name string, body []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func durableDoor(b testing.TB, dir string) http.Handler {
	bucket, err := dirblob.OpenBucket(filepath.Join(dir, "blobs"), &dirblob.Options{CreateDir: true})
	require.NoError(b, err)
	db, err := sql.Open("sqlite", sqljobs.SQLiteDSN(filepath.Join(dir, "jobs.sqlite")))
	require.NoError(b, err)
	store, err := sqljobs.Open(b.Context(), db, nil)
	require.NoError(b, err)
	topic, subscription := local(&queue.LocalOptions{Capacity: 1})
	quiet := slog.New(slog.DiscardHandler)
	svc, err := ingest.New(ingest.Backends{
		Store:        must(blobstore.New(bucket, nil)),
		Publisher:    must(queue.NewPublisher(topic, nil)),
		Subscription: queue.Static(subscription),
		Jobs:         store,
	}, &ingest.Options{NoUploads: true, Logger: quiet})
	require.NoError(b, err)
	tokens, err := auth.ParseTokens("dev=demo")
	require.NoError(b, err)
	b.Cleanup(func() { _, _ = bucket.Close(), db.Close() })
	return must(httpapi.New(svc, tokens, &httpapi.Options{Logger: quiet}))
}
