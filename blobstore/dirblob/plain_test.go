package dirblob

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/fhirdock/fhirdock/blobstore"
)

func plainAs(contentType string) *blob.WriterOptions {
	return &blob.WriterOptions{ContentType: contentType, BeforeWrite: blobstore.Plain}
}

// A plain object is one file, written with the usual steps except for the attributes.
func TestStepsOfPlainWrite(t *testing.T) {
	bucket, f := faultyBucket(t, 0)
	require.NoError(t, bucket.WriteAll(t.Context(), "a/c.ndjson", []byte("x"), plainAs("application/x-ndjson")))
	require.Equal(t, []string{
		"mkdir a", "create temp", "sync folder ", "write temp", "create attributes", "chtimes temp", "sync temp",
		"rename a/c.ndjson", "remove attributes", "sync folder a",
	}, f.steps)
	require.Equal(t, []string{"a/c.ndjson"}, files(t, f.dir))
	attrs, err := bucket.Attributes(t.Context(), "a/c.ndjson")
	require.NoError(t, err)
	require.Equal(t, "application/x-ndjson", attrs.ContentType)
	require.NotEmpty(t, attrs.ETag)
	require.False(t, attrs.As(&blobstore.Digest{}))
	require.NoError(t, bucket.Delete(t.Context(), "a/c.ndjson"))
	require.Empty(t, files(t, f.dir))
}

// Attributes that don't follow from the key are stored even with the hint Plain.
func TestPlainObjectLosesNothing(t *testing.T) {
	bucket, b := opened(t)
	for i, opts := range []*blob.WriterOptions{
		{ContentType: "application/fhir+ndjson"}, {ContentType: "application/x-ndjson", Metadata: map[string]string{"k": "v"}},
		{ContentType: "application/x-ndjson", ContentEncoding: "gzip"}, {ContentType: "application/x-ndjson", CacheControl: "no-store"},
		{ContentType: "application/x-ndjson", ContentDisposition: "inline"}, {ContentType: "application/x-ndjson", ContentLanguage: "de"},
	} {
		opts.BeforeWrite = blobstore.Plain
		require.NoError(t, bucket.WriteAll(t.Context(), "k.ndjson", []byte("x"), opts))
		require.Len(t, files(t, b.dir), 2, i)
		attrs, err := bucket.Attributes(t.Context(), "k.ndjson")
		require.NoError(t, err)
		require.Equal(t, opts.ContentType, attrs.ContentType)
		require.Equal(t, opts.Metadata["k"], attrs.Metadata["k"])
		require.Equal(t, opts.ContentEncoding+opts.CacheControl+opts.ContentDisposition+opts.ContentLanguage,
			attrs.ContentEncoding+attrs.CacheControl+attrs.ContentDisposition+attrs.ContentLanguage)
		require.True(t, attrs.As(&blobstore.Digest{}))
		require.NoError(t, bucket.WriteAll(t.Context(), "k.ndjson", []byte("x"), plainAs("application/x-ndjson")))
		require.Equal(t, []string{"k.ndjson"}, files(t, b.dir), "the attributes of the replaced object are removed")
	}
}

// A plain object never gets another object's attributes, even with the same size and at
// the same time. Here each write's content says what its metadata are.
func TestPlainWritesAmongOthers(t *testing.T) {
	bucket, b := opened(t)
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := range 300 {
				content := fmt.Sprintf("writer %d, write %04d", w, i)
				opts := plainAs("application/octet-stream")
				if i%2 == 0 {
					opts = &blob.WriterOptions{ContentType: "text/plain", Metadata: map[string]string{"content": content}}
				}
				content += fmt.Sprint(i % 2)
				if err := bucket.WriteAll(context.Background(), "k", []byte(content), opts); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			f, a, err := b.openFile("k")
			if err != nil {
				continue // before the first write
			}
			raw := make([]byte, 100)
			n, _ := f.Read(raw)
			f.Close()
			content, isPlain := strings.CutSuffix(string(raw[:n]), "1")
			if content = strings.TrimSuffix(content, "0"); isPlain {
				content = ""
			}
			if isPlain && a.Metadata != nil || !isPlain && a.Metadata["content"] != content {
				t.Errorf("%q has the metadata %v", raw[:n], a.Metadata)
			}
		}
	})
	writers.Wait()
	close(stop)
	readers.Wait()
	b.tidyAll(t.Context(), time.Now().Add(2*stale))
	require.LessOrEqual(t, len(files(t, b.dir)), 2)
}
