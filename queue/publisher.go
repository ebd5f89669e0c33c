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

// PublisherOptions of a [Publisher]; nil means the defaults.
type PublisherOptions struct {
	// Metadata returns additional metadata for a message, such as the ordering key under
	// the name that a driver expects (MessageGroupId for SQS). Default: none.
	Metadata func(Message) map[string]string
	// BeforeSend is called before a message is sent, with Go CDK's As for the driver's
	// type of message. Default: none.
	BeforeSend func(m Message, as func(any) bool) error
	// Close closes what the topic was opened with, such as a connection. Shutdown calls it
	// last. Default: none.
	Close func() error
}

// NewPublisher returns a Publisher for an open topic. It fails if topic is nil. Shut the
// topic down with [Publisher.Shutdown] or directly.
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

// Topic returns the Publisher's topic, for other messages than wake-ups.
func (p *Publisher) Topic() *pubsub.Topic { return p.topic }

// Publish sends a wake-up with organizationId, jobId, source and traceparent (of the span
// in ctx, if any) as metadata. After an error it may or may not arrive.
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

// Shutdown sends waiting messages and shuts the topic down.
func (p *Publisher) Shutdown(ctx context.Context) error {
	err := p.topic.Shutdown(ctx)
	if p.opts.Close != nil {
		err = errors.Join(err, p.opts.Close())
	}
	return err
}

// traced returns ctx with the message's trace, but without its baggage, which comes from
// outside.
func traced(ctx context.Context, metadata map[string]string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(metadata))
}
