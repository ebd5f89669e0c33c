package ingest_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/ingesttest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// eventFields are the fields that each kind of event sets always, and those that it
// sets sometimes: what the comments of the kinds say.
var eventFields = map[ingest.EventKind][2]string{
	ingest.EventAccepted:       {"JobID Source Bytes", "Resources Duration"},
	ingest.EventRefused:        {"Source Code", "Duration"},
	ingest.EventUploadSigned:   {"JobID Source", ""},
	ingest.EventObjectIgnored:  {"Code", "JobID Source"},
	ingest.EventMessageIgnored: {"Code", ""},
	ingest.EventClaimed:        {"JobID Source", ""},
	ingest.EventBatch:          {"JobID Source Bytes Duration", "Resources Rejected"},
	ingest.EventRetry:          {"JobID Source Code", "Duration"},
	ingest.EventRescued:        {"JobID Source", ""},
	ingest.EventLeaseLost:      {"JobID Source", ""},
	ingest.EventWoken:          {"JobID Source", ""},
	ingest.EventFinished:       {"JobID Source State", "Code Bytes Resources Rejected Duration"},
}

// Each kind of event sets the fields that it says and no others.
func TestEventsSetWhatTheySay(t *testing.T) {
	var attempts int
	p := adopting(t, func(o *ingesttest.Options) {
		o.Handler = ingest.HandlerFunc(func(_ context.Context, b *ingest.Batch) error {
			if attempts++; attempts == 1 {
				return errors.New("once")
			}
			if len(b.Resources) > 1 {
				b.Reject(0, "test", "Rejected by a test")
			}
			return nil
		})
	})
	receipt := p.Client.PostBundle(t, []byte(small))
	p.WaitFor(t, receipt.JobID, func(j *jobs.Job) bool { return j.Failure != nil })
	for range 10 {
		p.Advance(t, time.Minute)
	}
	p.Wait(t, receipt.JobID)
	p.Wait(t, p.Client.Upload(t, ndjson, patients(3)))
	_, err := p.Service.Accept(t.Context(), caller, ingest.AcceptRequest{Body: strings.NewReader("{}")})
	require.Error(t, err)
	put(t, p, dropped, ndjson, patients(1))
	require.NoError(t, p.Service.ObjectCreated(t.Context(), created(dropped)))
	p.Wait(t, adopted(t, p, ingesttest.Organization)[0].ID)
	for _, key := range []string{receipt.JobID, "drop/x", mustGet(t, p, receipt.JobID).Payload.Key, "incoming/fhir/x"} {
		require.NoError(t, p.Service.ObjectCreated(t.Context(), created(key)))
	}
	p.Service.ObjectsIgnored("junk", 2)
	worker, err := ingest.NewWorker(p.Service, p.Sink, nil)
	require.NoError(t, err)
	require.ErrorIs(t, worker.WorkMessage(t.Context(), nil), queue.ErrDeadLetter)
	cancelled := p.Client.Ticket(t, ndjson)
	require.Equal(t, 202, p.Client.Cancel(t, cancelled.UploadID).Status)
	expired := p.Client.Ticket(t, ndjson)
	for range 100 {
		p.Advance(t, time.Minute)
	}
	require.Equal(t, jobs.Expired, mustGet(t, p, expired.UploadID).State)

	silent := adopting(t, func(o *ingesttest.Options) {
		o.Handler = ingest.HandlerFunc(func(ctx context.Context, _ *ingest.Batch) error {
			<-ctx.Done() // its lease is taken from it
			return ctx.Err()
		})
		o.Service.MaxAttempts = 1
	})
	stuck := silent.Client.PostBundle(t, []byte(small))
	silent.WaitFor(t, stuck.JobID, func(j *jobs.Job) bool { return j.State == jobs.Processing })
	silent.Advance(t, time.Hour)
	silent.Wait(t, stuck.JobID)
	require.Eventually(t, func() bool {
		byJob, _ := counts(silent, ingest.EventLeaseLost)
		return len(byJob) == 1
	}, 10*time.Second, 2*time.Millisecond)

	seen := map[ingest.EventKind]bool{}
	for _, e := range slices.Concat(p.Events(), silent.Events()) {
		fields, ok := eventFields[e.Kind]
		require.True(t, ok, "%+v", e)
		seen[e.Kind] = true
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if name == "Kind" {
				continue
			}
			always := slices.Contains(strings.Fields(fields[0]), name)
			sometimes := slices.Contains(strings.Fields(fields[1]), name)
			require.False(t, always && v.Field(i).IsZero(), "%s is missing: %+v", name, e)
			require.False(t, !always && !sometimes && !v.Field(i).IsZero(), "%s is set: %+v", name, e)
		}
	}
	for kind := range eventFields {
		require.True(t, seen[kind], kind)
	}
}
