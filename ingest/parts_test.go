package ingest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/queue"
)

func newSweeper(t *testing.T, s *ingest.Service, opts *ingest.SweeperOptions) *ingest.Sweeper {
	t.Helper()
	sweeper, err := ingest.NewSweeper(s, opts)
	require.NoError(t, err)
	return sweeper
}

func newLake(t *testing.T, bucket *blob.Bucket, opts *sink.LakeOptions) *sink.Lake {
	t.Helper()
	lake, err := sink.NewLake(must(blobstore.New(bucket, nil)), opts)
	require.NoError(t, err)
	return lake
}

// Invalid options fail when the pipeline is built, not with the first job.
func TestInvalidParts(t *testing.T) {
	p := ingesttest.New(t)
	fine := ingest.HandlerFunc(func(context.Context, *ingest.Batch) error { return nil })
	worker := func(s *ingest.Service, h ingest.Handler) error {
		_, err := ingest.NewWorker(s, h, nil)
		return err
	}
	sweeper := func(s *ingest.Service, opts ingest.SweeperOptions) error {
		_, err := ingest.NewSweeper(s, &opts)
		return err
	}
	_, sub := local(nil)
	t.Cleanup(func() { _ = sub.Shutdown(context.Background()) })
	_, listener := ingest.NewListener(nil, queue.Static(sub), nil)
	other := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = other.Close() })
	for _, c := range []struct {
		name string
		err  error
		want string // empty: it works
	}{
		{"worker", worker(p.Service, fine), ""},
		{"worker without a service", worker(nil, fine), "needs a Service"},
		{"worker without a handler", worker(p.Service, nil), "needs a Handler"},
		{"worker of a nil function", worker(p.Service, ingest.HandlerFunc(nil)), "needs a Handler"},
		{"worker of a nil pointer", worker(p.Service, (*sink.Lake)(nil)), "needs a Handler"},
		{"lake", worker(p.Service, newLake(t, p.Bucket, nil)), ""},
		{"lake in the payloads", worker(p.Service, newLake(t, p.Bucket, &sink.LakeOptions{Prefix: "incoming"})), "overlaps"},
		{"lake in the outcomes' parts", worker(p.Service, newLake(t, p.Bucket, &sink.LakeOptions{Staging: "staging/outcomes"})), "overlaps"},
		{"lake below the outcomes", worker(p.Service, newLake(t, p.Bucket, &sink.LakeOptions{Prefix: "outcomes/lake"})), "overlaps"},
		{"lake beside the outcomes", worker(p.Service, newLake(t, p.Bucket, &sink.LakeOptions{Prefix: "outcomes-lake"})), ""},
		{"lake in a bucket of its own", worker(p.Service, newLake(t, other, &sink.LakeOptions{Prefix: "incoming"})), ""},
		{"run without a service", ingest.Run(t.Context(), nil, fine, nil), "needs a Service"},
		{"sweeper", sweeper(p.Service, ingest.SweeperOptions{}), ""},
		{"sweeper without a service", sweeper(nil, ingest.SweeperOptions{}), "needs a Service"},
		{"sweeper with a negative time", sweeper(p.Service, ingest.SweeperOptions{Every: -1}), "negative"},
		{"sweeper with a negative page", sweeper(p.Service, ingest.SweeperOptions{Page: -1}), "negative"},
		{"listener without a service", listener, "needs a Service"},
	} {
		if c.want == "" {
			require.NoError(t, c.err, c.name)
		} else {
			require.ErrorContains(t, c.err, c.want, c.name)
		}
	}
}
