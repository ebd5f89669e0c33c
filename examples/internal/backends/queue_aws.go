//go:build !noaws

package backends

import "github.com/fhirdock/fhirdock/queue/brokers/awsqueue"

var awsQueue = plainQueue(awsqueue.OpenTopic, awsqueue.OpenSubscription)
