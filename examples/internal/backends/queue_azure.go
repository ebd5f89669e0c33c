//go:build !noazure

package backends

import "github.com/fhirdock/fhirdock/queue/brokers/azurequeue"

var azureQueue = plainQueue(azurequeue.OpenTopic, azurequeue.OpenSubscription)
