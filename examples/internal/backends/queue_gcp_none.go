//go:build nogcp

package backends

var gcpQueue = queueless("nogcp", "github.com/fhirdock/fhirdock/queue/brokers/gcpqueue")
