// Package relay wraps Go CDK topics, so that shutting one down also closes what it was
// opened with, such as a connection.
package relay

import (
	"context"
	"errors"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/batcher"
	"gocloud.dev/pubsub/driver"
	"golang.org/x/sync/errgroup"
)

// Owning returns a topic that sends through another one. Its Shutdown shuts that one down
// and then calls closeBase.
func Owning(topic *pubsub.Topic, closeBase func() error) *pubsub.Topic {
	// Pass messages on one by one; the inner topic makes the batches.
	return pubsub.NewTopic(&owning{topic: topic, closeBase: closeBase}, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1000})
}

type owning struct {
	topic     *pubsub.Topic
	closeBase func() error
}

// Send sends a driver's messages through a topic. For each, it calls before, unless that is
// nil, ahead of the message's own BeforeSend.
func Send(ctx context.Context, topic *pubsub.Topic, ms []*driver.Message, before func(as func(any) bool)) error {
	var g errgroup.Group
	for _, m := range ms {
		g.Go(func() error {
			return topic.Send(ctx, &pubsub.Message{
				Body: m.Body, Metadata: m.Metadata, AfterSend: m.AfterSend,
				BeforeSend: func(as func(any) bool) error {
					if before != nil {
						before(as)
					}
					if m.BeforeSend == nil {
						return nil
					}
					return m.BeforeSend(as)
				},
			})
		})
	}
	return g.Wait()
}

// SendBatch implements driver.Topic.
func (o *owning) SendBatch(ctx context.Context, ms []*driver.Message) error {
	return Send(ctx, o.topic, ms, nil)
}

// Close implements driver.Topic.
func (o *owning) Close() error {
	err := o.topic.Shutdown(context.Background()) // nothing is in flight: SendBatch waits
	return errors.Join(err, o.closeBase())
}

func (o *owning) IsRetryable(error) bool                 { return false } // the inner topic retries
func (o *owning) As(i any) bool                          { return o.topic.As(i) }
func (o *owning) ErrorAs(err error, i any) bool          { return o.topic.ErrorAs(err, i) }
func (o *owning) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
