//go:build noaws

package backends

var awsQueue = queueless("noaws", "github.com/fhirdock/fhirdock/queue/brokers/awsqueue")
