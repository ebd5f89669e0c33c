package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"gocloud.dev/blob"
	"gocloud.dev/pubsub"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs"
	"github.com/fhirdock/fhirdock/queue"
)

// ForwardOptions are the options of a Forward; nil, and zero fields, mean the defaults.
type ForwardOptions struct {
	// Handler handles the job's resources first. Its rejections and outputs are the
	// job's. Default: none; every resource counts as done.
	Handler ingest.Handler
	// Metadata returns additional metadata for a message; organizationId, jobId and source
	// are always set. key is unique to the job and the same whenever its message is
	// published; at most 128 bytes of [a-z0-9/-]. For a FIFO queue of SQS return
	// {"MessageGroupId": m.OrganizationID, "DeduplicationId": key}. Default: none.
	Metadata func(key string, m queue.S3Message) map[string]string
}

// Forward is a handler that publishes one [queue.S3Message] for each job, for consumers
// written for the original service. It publishes after all resources of the payload were
// handed over, so that a payload that is invalid or fails is never forwarded. It is safe
// for concurrent use.
//
// The message is published again if the process dies, or the job store fails, before the
// end of the job is recorded. It then has the same jobId and key: a FIFO queue of SQS drops
// duplicates within five minutes, and other consumers must deduplicate by jobId. Redriving
// a completed job deliberately publishes it again, with another key.
type Forward struct {
	topic *pubsub.Topic
	opts  ForwardOptions
}

var (
	_ ingest.Handler   = (*Forward)(nil)
	_ ingest.Finisher  = (*Forward)(nil)
	_ ingest.Discarder = (*Forward)(nil)
	_ ingest.Placer    = (*Forward)(nil)
)

// NewForward returns a Forward that publishes to a topic, which the caller shuts down. It
// must not be the topic of the wake-ups, because the pipeline's own worker would receive
// the messages.
func NewForward(topic *pubsub.Topic, opts *ForwardOptions) (*Forward, error) {
	if topic == nil {
		return nil, errors.New("sink: NewForward needs a topic")
	}
	f := &Forward{topic: topic}
	if opts != nil {
		f.opts = *opts
	}
	return f, nil
}

// Handle implements [ingest.Handler].
func (f *Forward) Handle(ctx context.Context, b *ingest.Batch) error {
	if f.opts.Handler == nil {
		return nil
	}
	return f.opts.Handler.Handle(ctx, b)
}

// Finish implements [ingest.Finisher]: it calls the Finish of ForwardOptions.Handler, and
// then publishes the message.
func (f *Forward) Finish(ctx context.Context, job *jobs.Job) (outputs []jobs.Output, err error) {
	if finisher, ok := f.opts.Handler.(ingest.Finisher); ok {
		if outputs, err = finisher.Finish(ctx, job); err != nil {
			return nil, err
		}
	}
	m := queue.S3Message{
		JobID: job.ID, Bucket: job.Payload.Bucket, Key: job.Payload.Key,
		OrganizationID: job.OrganizationID, OrganizationName: job.OrganizationName, UserID: job.UserID,
		Timestamp: job.CreatedAt,
	}
	metadata := map[string]string{"organizationId": m.OrganizationID, "jobId": m.JobID}
	if job.Source != jobs.Webhook { // the original service had only these two sources
		m.Source, m.FileSize = string(jobs.PresignedUpload), job.Payload.Size
		metadata["source"] = m.Source
	}
	if f.opts.Metadata != nil {
		maps.Copy(metadata, f.opts.Metadata(job.ID+"/"+strconv.Itoa(job.Run), m))
	}
	body, err := m.Encode()
	if err != nil {
		return nil, fmt.Errorf("sink: forward: %w", err)
	}
	if err := f.topic.Send(ctx, &pubsub.Message{Body: body, Metadata: metadata}); err != nil {
		return nil, ingest.Loggable(fmt.Errorf("sink: forward: %w", err))
	}
	return outputs, nil
}

// Discard implements [ingest.Discarder] with ForwardOptions.Handler.
func (f *Forward) Discard(ctx context.Context, job *jobs.Job) error {
	if d, ok := f.opts.Handler.(ingest.Discarder); ok {
		return d.Discard(ctx, job)
	}
	return nil
}

// Prefixes implements [ingest.Placer] with ForwardOptions.Handler.
func (f *Forward) Prefixes() (*blob.Bucket, []string) {
	if p, ok := f.opts.Handler.(ingest.Placer); ok {
		return p.Prefixes()
	}
	return nil, nil
}
