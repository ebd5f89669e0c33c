//go:build !nogcp

package backends

import "github.com/fhirdock/fhirdock/queue/brokers/gcpqueue"

var gcpQueue = plainQueue(gcpqueue.OpenTopic, gcpqueue.OpenSubscription)
