//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	blobnotify "github.com/fhirdock/fhirdock/blobstore/notify"
	"github.com/fhirdock/fhirdock/examples/internal/brokerservers"
	"github.com/fhirdock/fhirdock/examples/internal/docservers"
	"github.com/fhirdock/fhirdock/examples/internal/objectstores"
	"github.com/fhirdock/fhirdock/examples/internal/servers"
)

// part is an object store, a queue or a job store of a pairing.
type part struct {
	name string
	// emulator describes the emulator, empty if the part is real.
	emulator string
	// alone: it is inside one process.
	alone bool
	// forgets: it loses its content with the process.
	forgets bool
	// told returns the store's notification of an object. Nil for the gateway's own store,
	// whose uploads go through the gateway.
	told func(bucket, key string) []byte
	// open starts it, or creates a separate place on a running server.
	open func(ctx context.Context, folder string) (*lent, error)
}

func (p part) String() string {
	if p.emulator != "" {
		return p.name + "*"
	}
	return p.name
}

// lent is a part opened for one pairing.
type lent struct {
	args  []string // of the gateway
	url   string   // of a bucket
	env   []string
	close func(context.Context) error
}

// embedded opens a part that only needs flags.
func embedded(args ...string) func(context.Context, string) (*lent, error) {
	return func(context.Context, string) (*lent, error) {
		l := &lent{args: args}
		if len(args) > 1 && args[0] == "-blob" {
			l.url = args[1]
		}
		return l, nil
	}
}

// bucket opens an object store of package objectstores.
func bucket(start func(ctx context.Context, folder string) (*objectstores.Storage, error)) func(context.Context, string) (*lent, error) {
	return func(ctx context.Context, folder string) (*lent, error) {
		s, err := start(ctx, folder)
		if err != nil {
			return nil, err
		}
		l := &lent{args: []string{"-blob", s.URL}, url: s.URL, close: func(context.Context) error { return s.Close() }}
		for name, value := range s.Env {
			l.env = append(l.env, name+"="+value)
		}
		return l, nil
	}
}

// from opens a part of package servers.
func from(lend func(context.Context) (*servers.Lent, error)) func(context.Context, string) (*lent, error) {
	return func(ctx context.Context, _ string) (*lent, error) {
		s, err := lend(ctx)
		if err != nil {
			return nil, err
		}
		l := &lent{env: s.Env, close: s.Remove}
		if s.Jobs != "" {
			l.args = append(l.args, "-jobs", s.Jobs)
		}
		if s.Topic != "" {
			l.args = append(l.args, "-topic", s.Topic, "-subscription", s.Subscription)
		}
		return l, nil
	}
}

// broker opens a queue of package brokerservers.
func broker(start func(ctx context.Context, folder string) (*brokerservers.Broker, error)) func(context.Context, string) (*lent, error) {
	return func(ctx context.Context, folder string) (*lent, error) {
		b, err := start(ctx, folder)
		if err != nil {
			return nil, err
		}
		return &lent{
			args: []string{"-topic", b.Topic, "-subscription", b.Subscription}, env: b.Environ(),
			close: func(context.Context) error { return b.Close() },
		}, nil
	}
}

// documents opens a job store of package docservers.
func documents(start func(ctx context.Context, folder string) (*docservers.Server, error)) func(context.Context, string) (*lent, error) {
	return func(ctx context.Context, folder string) (*lent, error) {
		s, err := start(ctx, folder)
		if err != nil {
			return nil, err
		}
		l := &lent{close: func(context.Context) error { return s.Close() }}
		for name, value := range s.Env {
			l.env = append(l.env, name+"="+value)
		}
		store, err := s.Fresh(ctx)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		l.args = []string{"-jobs", store}
		return l, nil
	}
}

// Object stores.
var (
	folder = part{name: "folder", open: func(_ context.Context, data string) (*lent, error) {
		u := "dir://" + filepath.ToSlash(filepath.Join(data, "objects")) + "?create_dir=true"
		return &lent{args: []string{"-blob", u}, url: u}, nil
	}}
	fileblob = part{name: "fileblob", open: func(_ context.Context, data string) (*lent, error) {
		u := "file://" + filepath.ToSlash(filepath.Join(data, "objects")) + "?create_dir=true"
		return &lent{args: []string{"-blob", u}, url: u}, nil
	}}
	memory = part{name: "memory", alone: true, forgets: true, open: embedded("-blob", "mem://")}
	s3     = part{name: "S3", told: tellS3, open: bucket(objectstores.S3)}
	gcs    = part{name: "GCS", emulator: "fake-gcs-server, with our own check of V4 signatures", told: tellGCS, open: bucket(objectstores.GCS)}
	azure  = part{name: "Azure Blob", emulator: "Azurite, Microsoft's emulator", told: tellEventGrid, open: bucket(func(ctx context.Context, _ string) (*objectstores.Storage, error) {
		return objectstores.Azure(ctx)
	})}
)

// Queues.
var (
	inProcess = part{name: "in process", alone: true, open: embedded()}
	memQueue  = part{name: "mempubsub", alone: true, open: embedded("-topic", "mem://wakeups", "-subscription", "mem://wakeups")}
	sqsFIFO   = part{name: "SQS FIFO", emulator: "fauxqs", open: broker(brokerservers.SQSFIFO)}
	sns       = part{name: "SNS to SQS", emulator: "fauxqs", open: broker(brokerservers.SNS)}
	sqs       = part{name: "SQS", emulator: "fauxqs", open: broker(brokerservers.SQS)}
	pubSub    = part{name: "Pub/Sub", emulator: "pstest, Google's fake", open: broker(brokerservers.PubSub)}
	service   = part{name: "Service Bus", emulator: "our own stand-in over AMQP 1.0", open: broker(brokerservers.ServiceBus)}
	kafka     = part{name: "Kafka", emulator: "kfake", open: broker(brokerservers.Kafka)}
	rabbitMQ  = part{name: "RabbitMQ", open: from(servers.Rabbit)}
	jetStream = part{name: "JetStream", open: from(servers.NATS)}
	notify    = part{name: "NOTIFY", open: from(servers.Notify)}
)

// Job stores.
var (
	sqlite    = part{name: "SQLite", alone: true, open: embedded()}
	memJobs   = part{name: "memory", alone: true, forgets: true, open: embedded("-jobs", "mem:")}
	postgres  = part{name: "PostgreSQL", open: from(servers.Postgres)}
	dynamoDB  = part{name: "DynamoDB", emulator: "dynalite", open: documents(docservers.DynamoDB)}
	firestore = part{name: "Firestore", emulator: "our own stand-in over the published gRPC API", open: documents(docservers.Firestore)}
	mongoDB   = part{name: "MongoDB", emulator: "FerretDB", open: documents(docservers.MongoDB)}
)

// tellS3 returns an S3 event message.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
func tellS3(bucket, key string) []byte {
	return fmt.Appendf(nil, `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`,
		bucket, url.QueryEscape(key))
}

// tellGCS returns a Pub/Sub push with a Cloud Storage notification.
// https://cloud.google.com/storage/docs/pubsub-notifications
func tellGCS(bucket, key string) []byte {
	return fmt.Appendf(nil, `{"subscription":"projects/p/subscriptions/s","message":{"messageId":"1","attributes":{"eventType":"OBJECT_FINALIZE","payloadFormat":"NONE","bucketId":%q,"objectId":%q,"objectGeneration":"1"}}}`,
		bucket, key)
}

// tellEventGrid returns an Azure Event Grid CloudEvent.
// https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
func tellEventGrid(bucket, key string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"1","source":"/subscriptions/x","type":"Microsoft.Storage.BlobCreated","subject":%q,"data":{"api":"PutBlob"}}`,
		"/blobServices/default/containers/"+bucket+"/blobs/"+key)
}

// tellOwn returns a notification in fhirdock's own form.
func tellOwn(key string) []byte {
	body, err := blobnotify.ObjectCreated{Key: key, Size: -1}.Encode()
	if err != nil {
		panic(err) // the key is invalid
	}
	return body
}

// bucketName returns the bucket's name in a URL.
func bucketName(u string) string {
	_, rest, _ := strings.Cut(u, "://")
	name, _, _ := strings.Cut(rest, "?")
	return name
}
