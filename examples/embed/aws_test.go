//go:build !noaws

package main

import (
	"context"
	"log"

	"github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"
	"github.com/fhirdock/fhirdock/ingest"
	"github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	"github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)

// The same on AWS: other imports and other URLs. The bucket takes the uploads itself, so
// there is nothing to serve at /v1/objects; ingest.NewNotified takes what it tells of
// them from a queue.
func Example_onAWS() {
	ctx := context.Background()
	bucket, signer, err := s3upload.OpenBucket(ctx, "s3://payloads?region=eu-central-1")
	if err != nil {
		log.Fatal(err)
	}
	defer bucket.Close()
	const wakeUps = "awssqs://sqs.eu-central-1.amazonaws.com/123456789012/wake-ups.fifo"
	topic, publishing, err := awsqueue.OpenTopic(ctx, wakeUps)
	if err != nil {
		log.Fatal(err)
	}
	defer topic.Shutdown(ctx)
	subscription, err := awsqueue.OpenSubscription(ctx, wakeUps)
	if err != nil {
		log.Fatal(err)
	}
	store, err := dynamojobs.OpenStore(ctx, "dynamodb://jobs?region=eu-central-1")
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	svc, err := ingest.New(ingest.Backends{
		Bucket: bucket, Signer: signer, Topic: topic, Publishing: publishing, Subscription: subscription, Jobs: store,
	}, &ingest.Options{BucketName: "payloads"})
	if err != nil {
		log.Fatal(err)
	}
	_ = svc // from here on as in main
}
