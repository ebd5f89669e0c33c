// Package relay has what a Go CDK topic lacks that is to be closed with what it was
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

// Owning returns a topic that sends by another one, and whose Shutdown closes that
// and then the ground that it stands on.
func Owning(topic *pubsub.Topic, ground func() error) *pubsub.Topic {
	// Batches are the inner one's to make: what is handed on one by one waits here for
	// nobody.
	return pubsub.NewTopic(&owning{topic: topic, ground: ground}, &batcher.Options{MaxBatchSize: 1, MaxHandlers: 1000})
}

type owning struct {
	topic  *pubsub.Topic
	ground func() error
}

// Send sends the messages of a driver by a topic. before, unless it is nil, is called
// for each before its own BeforeSend.
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
	err := o.topic.Shutdown(context.Background()) // everything was sent: SendBatch waits for it
	return errors.Join(err, o.ground())
}

func (o *owning) IsRetryable(error) bool                 { return false } // the inner one has retried
func (o *owning) As(i any) bool                          { return o.topic.As(i) }
func (o *owning) ErrorAs(err error, i any) bool          { return o.topic.ErrorAs(err, i) }
func (o *owning) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }
