package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"go.opentelemetry.io/otel/propagation"
	"gocloud.dev/pubsub"
)

// Publisher sends wake-ups. It is safe for concurrent use.
type Publisher struct {
	topic *pubsub.Topic
	opts  PublisherOptions
}

// PublisherOptions; nil means the defaults.
type PublisherOptions struct {
	// Metadata returns what a message carries besides its own metadata, such as
	// the ordering key under the name that a driver looks for
	// (MessageGroupId for SQS). Default: nothing.
	Metadata func(Message) map[string]string
	// BeforeSend is called before a message is sent, with Go CDK's As for the
	// driver's own type of it. Default: none.
	BeforeSend func(m Message, as func(any) bool) error
	// Close closes what the topic was opened with, such as a connection. It is called at
	// the end of Shutdown. Default: none.
	Close func() error
}

// NewPublisher returns a Publisher for an open topic. It is an error if that is nil. Shut
// the topic down with [Publisher.Shutdown] or by itself.
func NewPublisher(topic *pubsub.Topic, opts *PublisherOptions) (*Publisher, error) {
	if topic == nil {
		return nil, errors.New("queue: a publisher needs a topic")
	}
	p := &Publisher{topic: topic}
	if opts != nil {
		p.opts = *opts
	}
	return p, nil
}

// Publish sends a wake-up, with organizationId, jobId, source and traceparent
// (of the span in ctx, if there is one) as metadata. An error means that it may
// or may not arrive.
func (p *Publisher) Publish(ctx context.Context, m Message) error {
	body, err := m.Encode()
	if err != nil {
		return err
	}
	metadata := map[string]string{"organizationId": m.OrganizationID, "jobId": m.JobID, "source": m.Source}
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(metadata))
	if p.opts.Metadata != nil {
		maps.Copy(metadata, p.opts.Metadata(m))
	}
	msg := &pubsub.Message{Body: body, Metadata: metadata}
	if p.opts.BeforeSend != nil {
		msg.BeforeSend = func(as func(any) bool) error { return p.opts.BeforeSend(m, as) }
	}
	if err := p.topic.Send(ctx, msg); err != nil {
		return fmt.Errorf("queue: publish: %w", err)
	}
	return nil
}

// Shutdown sends what is waiting to be sent, and shuts the topic down.
func (p *Publisher) Shutdown(ctx context.Context) error {
	err := p.topic.Shutdown(ctx)
	if p.opts.Close != nil {
		err = errors.Join(err, p.opts.Close())
	}
	return err
}

// traced returns ctx with the trace that a message carries. Baggage is not
// taken over: it comes from outside.
func traced(ctx context.Context, metadata map[string]string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(metadata))
}
