//go:build noazure

package backends

var azureQueue = queueless("noazure", "github.com/fhirdock/fhirdock/queue/brokers/azurequeue")
