package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"

	"github.com/fhirdock/fhirdock/blobstore"
	"github.com/fhirdock/fhirdock/fhirbundle"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// By default a worker processes everything that Accept accepts.
func TestMaxWholeBytesFollowsMaxBodyBytes(t *testing.T) {
	for _, c := range []struct {
		opts    *WorkerOptions
		maxBody int64
		want    int64
	}{
		{nil, 1 << 20, 64 << 20},
		{nil, 200 << 20, 200 << 20},
		{&WorkerOptions{MaxWholeBytes: 1 << 20}, 200 << 20, 1 << 20},
	} {
		o, err := c.opts.withDefaults(c.maxBody)
		require.NoError(t, err)
		require.Equal(t, c.want, o.MaxWholeBytes)
	}
}

func TestLeaseHasABound(t *testing.T) {
	for lease, fine := range map[time.Duration]bool{1: false, minLease - 1: false, minLease: true, 0: true, -1: false} {
		_, err := (&WorkerOptions{Lease: lease}).withDefaults(0)
		require.Equal(t, fine, err == nil, "%v", lease)
	}
}

func TestBackoffHasBoundsAndJitter(t *testing.T) {
	s := &Service{opts: Options{RetryBase: time.Second, RetryMax: 10 * time.Second}}
	for attempt, bound := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 1000: 10 * time.Second,
	} {
		least, most := time.Hour, time.Duration(0)
		for range 2000 {
			d := s.backoff(attempt)
			least, most = min(least, d), max(most, d)
		}
		require.GreaterOrEqual(t, least, bound/10, "attempt %d", attempt)
		require.LessOrEqual(t, most, bound, "attempt %d", attempt)
		require.Less(t, least, bound/4, "attempt %d: spread", attempt)
		require.Greater(t, most, bound*3/4, "attempt %d: spread", attempt)
	}
}

func TestVersionAndSeveritiesAreChecked(t *testing.T) {
	for _, c := range []struct {
		opts Options
		err  string
	}{
		{Options{FHIRVersion: fhirbundle.R5, Severities: map[string]fhirbundle.Severity{"bdl-7": fhirbundle.SeverityNone}}, ""},
		{Options{FHIRVersion: "R3"}, `FHIRVersion must be "R4", "R4B" or "R5"`},
		{Options{Severities: map[string]fhirbundle.Severity{"bdl-6": fhirbundle.SeverityNone}}, `Severities is "bdl-6"`},
		{Options{Severities: map[string]fhirbundle.Severity{"json-dup": fhirbundle.SeverityWarning}}, `Severities[json-dup] is "warning"; allowed is error`},
		{Options{Severities: map[string]fhirbundle.Severity{"bdl-7": "fatal"}}, `Severities[bdl-7] is "fatal"`},
		{Options{Severities: map[string]fhirbundle.Severity{"ndjson-duplicate": fhirbundle.SeverityError}}, "does not compare the lines"},
		{Options{Severities: map[string]fhirbundle.Severity{"ndjson-duplicate": fhirbundle.SeverityNone}}, ""},
		{Options{BundleTypes: []string{"batch", "Batch"}}, `Types is "Batch"; allowed is transaction, batch`},
		{Options{BundleTypes: []string{"document", "searchset", "history"}}, ""},
		{Options{BundleTypes: []string{}}, "Options.BundleTypes is empty"},
		{Options{MaxEntryBytes: -1}, "is -1"},
		{Options{MaxStringBytes: -1}, "MaxStringBytes is -1"},
		{Options{RetryBase: time.Minute, RetryMax: time.Second}, "Options.RetryBase is 1m0s, above RetryMax, which is 1s"},
		{Options{MaxDepth: 100_001}, "MaxDepth is 100001; allowed is 0 (the default) to 100000"},
	} {
		_, err := c.opts.withDefaults()
		if c.err == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.err)
	}
}

// New fails if the signer is missing, not the first client's request.
func TestUploadsNeedASigner(t *testing.T) {
	topic, _, err := queue.NewLocal(nil)
	require.NoError(t, err)
	back := Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}
	_, err = New(back, nil)
	require.ErrorContains(t, err, "can't sign uploads")
	require.ErrorContains(t, err, "Options.NoUploads")
	s, err := New(back, &Options{NoUploads: true})
	require.NoError(t, err)
	_, err = s.SignUpload(t.Context(), Caller{OrganizationID: "demo"}, UploadRequest{})
	require.ErrorIs(t, err, ErrForbidden)
}

// A worker that starts in the middle of a file finds the same in each line as one that
// starts at 0, and remembers nothing of the earlier lines.
func TestLinesAreValidatedAlone(t *testing.T) {
	topic, _, err := queue.NewLocal(nil)
	require.NoError(t, err)
	s, err := New(Backends{Store: must(blobstore.New(memblob.OpenBucket(nil), nil)), Publisher: must(queue.NewPublisher(topic, nil)), Jobs: jobs.NewMemStore()}, &Options{NoUploads: true})
	require.NoError(t, err)
	twice := []byte(`{"resourceType":"Patient","id":"a"}` + "\n" + `{"resourceType":"Patient","id":"a"}` + "\n")
	report, err := fhirbundle.ValidateBytes(twice, s.reading(fhirbundle.FormatNDJSON, ""))
	require.NoError(t, err)
	require.Empty(t, report.Issues)
}
