package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/ingest/sink"
	"github.com/fhirdock/fhirdock/queue"
)

// newWorker returns the function for the wake-ups of an SQS queue. Its event source must
// have ReportBatchItemFailures: the response names the messages to redeliver.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
//
// The worker is kept between calls, and gives a job back before the call's deadline.
func newWorker(p *pipeline) (function, error) {
	lake, err := sink.NewLake(p.back.Store, &p.settings.Lake)
	if err != nil {
		return nil, err
	}
	worker, err := ingest.NewWorker(p.service, lake, &p.settings.Worker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event []byte) ([]byte, error) {
		var batch events.SQSEvent
		if json.Unmarshal(event, &batch) != nil { // the error may quote the event
			return nil, errors.New("not an event of SQS")
		}
		return json.Marshal(p.work(ctx, batch.Records, worker.WorkMessage))
	}, nil
}

// work handles messages one after another. After a failed one the rest of its group is
// given back too, to keep a FIFO queue's order. A message that can never be handled, such
// as one of another service whose object is not adopted, is also reported as failed, so
// that SQS moves it to the dead-letter queue. It does not hold up its group.
func (p *pipeline) work(ctx context.Context, messages []events.SQSMessage, do func(ctx context.Context, body []byte) error) events.SQSEventResponse {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	failed := map[string]bool{}
	for _, m := range messages {
		group, ordered := m.Attributes["MessageGroupId"]
		if !ordered || !failed[group] {
			err := do(ctx, []byte(m.Body))
			if err == nil {
				continue
			}
			p.log.WarnContext(ctx, "message given back", "message", m.MessageId, "error", err)
			failed[group] = !errors.Is(err, queue.ErrDeadLetter)
		}
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
	}
	return answer
}
