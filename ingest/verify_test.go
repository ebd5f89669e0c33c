package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/blobstore/dirblob"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/faulttest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// threeBlocks is an NDJSON file of three blocks, with lines of 1 MiB.
func threeBlocks() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 2*blobstore.BlockSize+1000; i++ {
		fmt.Fprintf(&b, "{\"resourceType\":\"Patient\",\"id\":\"p%d\",\"x\":\"%s\"}\n", i, strings.Repeat("x", 1<<20))
	}
	return b.Bytes()
}

// readings counts how often a payload is opened.
func readings(bucket *blob.Bucket, n *atomic.Int64) *blob.Bucket {
	return faulttest.Bucket(bucket, func(_ context.Context, c faulttest.Call) faulttest.Fault {
		if c.Kind == faulttest.BucketOpen && strings.HasPrefix(c.Key, "incoming/") {
			n.Add(1)
		}
		return faulttest.None
	})
}

// A payload is read once more, and only once, if the store keeps no list of its blocks,
// whatever the number of attempts. If the store keeps one, or if the payload was sent in
// one request, it is not.
func TestPayloadsAreReadOnceMoreAtMost(t *testing.T) {
	large := threeBlocks()
	for name, c := range map[string]struct {
		folder, webhook bool
		body            []byte
		want            int64
	}{
		"small, of a folder":       {true, false, numbered(3), 1},
		"small, of memory":         {false, false, numbered(3), 2},
		"large, of a folder":       {true, false, large, 1},
		"large, of memory":         {false, false, large, 2},
		"large, of memory, by one": {false, true, bundleOf(large), 1},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := memblob.OpenBucket(nil)
			if c.folder {
				var err error
				bucket, err = dirblob.OpenBucket(t.TempDir(), nil)
				require.NoError(t, err)
			}
			defer bucket.Close()
			var opened atomic.Int64
			var calls int
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{
				Bucket: readings(bucket, &opened), Worker: ingest.WorkerOptions{BatchResources: 2},
				Handler: ingest.HandlerFunc(func(context.Context, *ingest.Batch) error {
					if calls++; calls == 2 {
						return errors.New("once more")
					}
					return nil
				}),
			})
			var id string
			if c.webhook {
				id = p.Client.PostBundle(t, c.body).JobID
			} else {
				id = p.Client.Upload(t, "application/fhir+ndjson", c.body)
			}
			job := p.WaitFor(t, id, func(j *jobs.Job) bool {
				if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
					p.Advance(t, 10*time.Minute)
				}
				return j.State.Finished()
			})
			require.Equal(t, jobs.Completed, job.State)
			require.Equal(t, 2, job.Attempt)
			require.NotEmpty(t, job.Payload.SHA256)
			require.Equal(t, c.want+1, opened.Load(), "one read for each attempt, and one more if needed")
			left, err := bucket.List(&blob.ListOptions{Prefix: "staging/"}).Next(t.Context())
			require.ErrorIs(t, err, io.EOF, "%v", left)
		})
	}
}

// bundleOf puts lines into a Bundle.
func bundleOf(lines []byte) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"collection","entry":[`)
	i := 0
	for line := range bytes.Lines(lines) {
		if i++; i > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"fullUrl":"urn:uuid:%08d-0000-4000-8000-000000000000","resource":%s}`, i, line)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// A data folder that was copied with new times, or restored, keeps its waiting jobs: the
// content decides.
func TestJobsOfACopiedFolder(t *testing.T) {
	store := jobs.NewMemStore()
	at := t.TempDir()
	bucket, err := dirblob.OpenBucket(at, nil)
	require.NoError(t, err)
	p := ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Jobs: store, NoWorker: true})
	ids := []string{
		p.Client.Upload(t, "application/fhir+ndjson", numbered(3)),
		p.Client.Upload(t, "application/fhir+ndjson", threeBlocks()),
		p.Client.PostBundle(t, numberedBundle("transaction", 3)).JobID,
	}
	for _, id := range ids {
		p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State == jobs.Accepted })
	}
	require.NoError(t, bucket.Close())

	copied := filepath.Join(t.TempDir(), "copied")
	require.NoError(t, os.CopyFS(copied, os.DirFS(at)))
	bucket, err = dirblob.OpenBucket(copied, nil)
	require.NoError(t, err)
	defer bucket.Close()
	p = ingesttest.NewWithOptions(t, &ingesttest.Options{Bucket: bucket, Jobs: store, NoWorker: true})
	sink := &ingesttest.Sink{}
	w, err := ingest.NewWorker(p.Service, sink, nil)
	require.NoError(t, err)
	for _, id := range ids {
		job, err := store.Get(t.Context(), id)
		require.NoError(t, err)
		attrs, err := bucket.Attributes(t.Context(), job.Payload.Key)
		require.NoError(t, err)
		require.NotEqual(t, job.Payload.ContentType, attrs.ContentType, "otherwise this test tests nothing")
		require.NoError(t, w.Work(t.Context(), id))
		job, err = store.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, jobs.Completed, job.State)
	}
}

// If the list of blocks in staging is damaged or gone, it is made again.
func TestBlocksThatAreDamaged(t *testing.T) {
	for _, do := range []string{"flip", "cut", "remove"} {
		bucket := memblob.OpenBucket(nil)
		defer bucket.Close()
		calls := 0
		p := ingesttest.NewWithOptions(t, &ingesttest.Options{
			Bucket: bucket, Worker: ingest.WorkerOptions{BatchResources: 2},
			Handler: ingest.HandlerFunc(func(ctx context.Context, b *ingest.Batch) error {
				if calls++; calls != 2 {
					return nil
				}
				key := "staging/blocks/" + b.Job.OrganizationID + "/" + b.Job.ID
				raw, err := bucket.ReadAll(ctx, key)
				require.NoError(t, err)
				switch do {
				case "remove":
					require.NoError(t, bucket.Delete(ctx, key))
				case "flip":
					raw[len(raw)-1] ^= 1
				case "cut":
					raw = raw[1:]
				}
				if do != "remove" {
					require.NoError(t, bucket.WriteAll(ctx, key, raw, nil))
				}
				return errors.New("once more")
			}),
		})
		id := p.Client.Upload(t, "application/fhir+ndjson", threeBlocks())
		job := p.WaitFor(t, id, func(j *jobs.Job) bool {
			if j.State == jobs.Accepted && j.NotBefore.After(p.Clock.Now()) {
				p.Advance(t, 10*time.Minute)
			}
			return j.State.Finished()
		})
		require.Equal(t, jobs.Completed, job.State, do)
		require.EqualValues(t, 9, job.Progress.Done)
		require.LessOrEqual(t, job.Attempt, 3)
	}
}
