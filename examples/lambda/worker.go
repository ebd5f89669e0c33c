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

// newWorker is the function that is called with the wake-ups of a queue of SQS. Its
// event source must have ReportBatchItemFailures: the answer names the messages that
// are to come again.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
//
// The worker is kept from call to call, and gives a job back before the call's deadline.
func newWorker(p *pipeline) (function, error) {
	lake, err := sink.NewLake(p.back.Bucket, nil)
	if err != nil {
		return nil, err
	}
	worker, err := ingest.NewWorker(p.service, lake, &p.settings.worker)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event []byte) ([]byte, error) {
		var batch events.SQSEvent
		if json.Unmarshal(event, &batch) != nil { // the error may quote the event
			return nil, errors.New("not an event of SQS")
		}
		return json.Marshal(p.work(ctx, batch.Records, worker.Work))
	}, nil
}

// work looks at the job of each message, one behind the other. Behind one that failed
// the others of its group are given back too, as the order of a FIFO queue asks for.
func (p *pipeline) work(ctx context.Context, messages []events.SQSMessage, do func(ctx context.Context, id string) error) events.SQSEventResponse {
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	failed := map[string]bool{}
	for _, m := range messages {
		group, ordered := m.Attributes["MessageGroupId"]
		if !ordered || !failed[group] {
			if p.wake(ctx, m, do) == nil {
				continue
			}
			failed[group] = true
		}
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
	}
	return answer
}

func (p *pipeline) wake(ctx context.Context, m events.SQSMessage, do func(ctx context.Context, id string) error) error {
	wakeUp, err := queue.Decode([]byte(m.Body))
	if err != nil { // it will never be one
		p.log.WarnContext(ctx, "message dropped", "message", m.MessageId, "error", err)
		return nil
	}
	if err := do(ctx, wakeUp.JobID); err != nil {
		p.log.WarnContext(ctx, "message given back", "message", m.MessageId, "job", wakeUp.JobID, "error", err)
		return err
	}
	return nil
}
