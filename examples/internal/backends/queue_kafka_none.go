//go:build nokafka

package backends

var kafkaQueue = queueless("nokafka", "github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue")
