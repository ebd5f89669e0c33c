package ingest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
)

// numberedBundle is a Bundle of n patients with ids p0, p1, …
func numberedBundle(kind string, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"resourceType":"Bundle","type":%q,"entry":[`, kind)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"fullUrl":"urn:uuid:%08d-0000-4000-8000-000000000000","resource":{"resourceType":"Patient","id":"p%d"},"request":{"method":"POST","url":"Patient"}}`, i, i)
	}
	b.WriteString("]}\n")
	return b.Bytes()
}

// A stored payload whose read ends early, or fails, at any byte, never completes its job.
// Once it can be read again, batches already handed over are not repeated, and none is
// left out.
func TestTruncatedReadsNeverComplete(t *testing.T) {
	const n = 7
	ends := func(r io.Reader) io.Reader { return r }
	fails := func(r io.Reader) io.Reader {
		return io.MultiReader(r, iotest.ErrReader(errors.New("connection reset by the store")))
	}
	for name, c := range map[string]struct {
		body    []byte
		webhook bool
		reading int64 // which of the payload's reads is cut off
		fault   func(io.Reader) io.Reader
	}{
		"NDJSON ends":                    {numbered(n), false, 1, ends},
		"NDJSON fails":                   {numbered(n), false, 1, fails},
		"Bundle by webhook ends":         {numberedBundle("collection", n), true, 1, ends},
		"Bundle by webhook fails":        {numberedBundle("batch", n), true, 1, fails},
		"whole Bundle by webhook ends":   {numberedBundle("transaction", n), true, 1, ends},
		"Bundle ends during validation":  {numberedBundle("collection", n), false, 1, ends},
		"Bundle fails during validation": {numberedBundle("collection", n), false, 1, fails},
		"Bundle ends after that":         {numberedBundle("collection", n), false, 2, ends},
		"whole Bundle ends after that":   {numberedBundle("transaction", n), false, 2, ends},
		"whole Bundle fails after that":  {numberedBundle("transaction", n), false, 2, fails},
	} {
		t.Run(name, func(t *testing.T) {
			d, bucket := newDecorated(t)
			p := ingesttest.NewWithOptions(t, &ingesttest.Options{
				Bucket: bucket, Service: ingest.Options{MaxAttempts: 1}, Worker: ingest.WorkerOptions{BatchResources: 3},
			})
			cuts := []int{0, 1, len(c.body) / 2, len(c.body) - 2, len(c.body) - 1}
			for at, b := range c.body { // at the ends of lines and entries
				if b == '\n' || b == ',' && c.body[at-1] == '}' {
					cuts = append(cuts, at, at+1)
				}
			}
			for _, cut := range cuts {
				if cut >= len(c.body) {
					continue
				}
				var readings atomic.Int64
				d.onRead(func(key string, offset int64, r io.Reader) io.Reader {
					if !strings.HasPrefix(key, "incoming/") || readings.Add(1) != c.reading {
						return r
					}
					return c.fault(io.LimitReader(r, max(0, int64(cut)-offset)))
				})
				before := len(p.Sink.Resources())
				var id string
				switch {
				case c.webhook:
					id = p.Client.PostBundle(t, c.body).JobID
				case bytes.HasPrefix(c.body, []byte(`{"resourceType":"Bundle"`)):
					id = p.Client.Upload(t, "application/fhir+json", c.body)
				default:
					id = p.Client.Upload(t, ndjson, c.body)
				}
				job := p.Wait(t, id)
				require.Equal(t, jobs.Failed, job.State, "cut at %d of %d", cut, len(c.body))
				require.Equal(t, "payload-read", job.Failure.Code)
				require.EqualValues(t, len(p.Sink.Resources())-before, job.Progress.Done, "all resources handed over are recorded")
				require.Less(t, job.Progress.Offset, job.Payload.Size)

				d.onRead(nil)
				_, err := p.Service.Redrive(t.Context(), caller, id)
				require.NoError(t, err)
				job = p.WaitFor(t, id, func(j *jobs.Job) bool { return j.State.Finished() && j.Attempt > 0 })
				require.Equal(t, jobs.Completed, job.State)
				requireNumbered(t, n, p.Sink.Resources()[before:])
			}
		})
	}
}

// If a payload shrinks, is replaced or vanishes after acceptance, its job fails
// permanently.
func TestPayloadsThatChangeAfterAcceptance(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, d *decorated, key string)
		code   string
	}{
		"vanishes": {func(t *testing.T, d *decorated, key string) { require.NoError(t, d.Delete(t.Context(), key)) }, "payload-gone"},
		"shrinks": {func(t *testing.T, d *decorated, key string) {
			was, err := d.ReadAll(t.Context(), key)
			require.NoError(t, err)
			require.NoError(t, d.WriteAll(t.Context(), key, was[:len(was)-1], nil))
		}, "payload-changed"},
		"is emptied": {func(t *testing.T, d *decorated, key string) {
			require.NoError(t, d.WriteAll(t.Context(), key, nil, nil))
		}, "payload-changed"},
		"grows": {func(t *testing.T, d *decorated, key string) {
			was, err := d.ReadAll(t.Context(), key)
			require.NoError(t, err)
			require.NoError(t, d.WriteAll(t.Context(), key, append(was, '\n'), nil))
		}, "payload-changed"},
	} {
		for _, kind := range []string{"webhook", "uploaded Bundle", "NDJSON", "NDJSON without a version"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				d, bucket := newDecorated(t)
				d.unversioned = kind == "NDJSON without a version"
				p := ingesttest.NewWithOptions(t, &ingesttest.Options{NoWorker: true, Bucket: bucket})
				var id string
				switch kind {
				case "webhook":
					id = p.Client.PostBundle(t, numberedBundle("collection", 7)).JobID
				case "NDJSON", "NDJSON without a version":
					id = p.Client.Upload(t, ndjson, numbered(7))
				default:
					id = p.Client.Upload(t, "application/fhir+json", numberedBundle("collection", 7))
				}
				c.change(t, d, mustGet(t, p, id).Payload.Key)
				p.Clock.Advance(time.Minute)
				startWorker(t, p, p.Sink, nil)
				job := p.Wait(t, id)
				require.Equal(t, jobs.Failed, job.State)
				require.Equal(t, c.code, job.Failure.Code)
				require.Equal(t, 1, job.Attempt, "retrying can't help")
				require.Empty(t, p.Sink.Keys())
			})
		}
	}
}
