//go:build !nokafka

package drivers

import (
	_ "github.com/fhirdock/fhirdock/queue/brokers/kafkaqueue"
)
