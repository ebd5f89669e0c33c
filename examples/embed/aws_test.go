//go:build !noaws

package main

import (
	"context"
	"log"

	_ "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"
	"github.com/fhirdock/fhirdock/ingest/backends"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	_ "github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)

// The same on AWS: other imports and other URLs. The bucket takes uploads itself, and
// notifies the program of them by a queue.
func Example_onAWS() {
	ctx := context.Background()
	const queues = "awssqs://sqs.eu-central-1.amazonaws.com/123456789012/"
	b, err := backends.Open(ctx, backends.URLs{
		Blob:          "s3://payloads?region=eu-central-1",
		Topic:         queues + "wake-ups.fifo",
		Subscription:  queues + "wake-ups.fifo",
		Notifications: queues + "uploads",
		Jobs:          "dynamodb://jobs?region=eu-central-1",
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close(ctx)
	// From here on as in main.
}
