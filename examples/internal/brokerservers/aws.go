package brokerservers

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/fhirdock/fhirdock/examples/internal/localserver"
)

// fauxqsVersion is pinned: 2.x needs Node.js 22.
const fauxqsVersion = "1.9.2"

const awsRegion = "us-east-1"

// VisibilityTimeout of the SQS queues, in seconds.
const VisibilityTimeout = 2

// SQS starts fauxqs with a standard queue.
func SQS(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) { return queueURL(at, "wakeups"), queueURL(at, "wakeups") })
}

// SQSFIFO starts fauxqs with a FIFO queue.
func SQSFIFO(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) {
		return queueURL(at, "wakeups.fifo"), queueURL(at, "wakeups.fifo")
	})
}

// SNS starts fauxqs with an SNS topic that an SQS queue subscribes to, with raw delivery.
func SNS(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) { return topicURL(at, "wakeups"), queueURL(at, "from-raw") })
}

// SNSEnveloped is SNS without raw delivery.
func SNSEnveloped(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) { return topicURL(at, "wakeups"), queueURL(at, "from-sns") })
}

// SNSFIFO starts fauxqs with a FIFO topic and queue.
func SNSFIFO(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) {
		return topicURL(at, "wakeups.fifo"), queueURL(at, "from-sns.fifo")
	})
}

// SQSDeadLetters starts fauxqs with a standard queue whose messages move to a dead-letter
// queue on the third delivery. Topic is the standard queue, Subscription the dead-letter
// queue.
func SQSDeadLetters(ctx context.Context, folder string) (*Broker, error) {
	return aws(ctx, folder, func(at string) (topic, subscription string) { return queueURL(at, "redriven"), queueURL(at, "dead") })
}

func queueURL(at, name string) string {
	_, port, _ := net.SplitHostPort(at) // the address is ours
	return fmt.Sprintf("awssqs://sqs.%s.localhost:%s/000000000000/%s?endpoint=http://%s&region=%s", awsRegion, port, name, at, awsRegion)
}

func topicURL(at, name string) string {
	return fmt.Sprintf("awssns:///arn:aws:sns:%s:000000000000:%s?endpoint=http://%s", awsRegion, name, at)
}

// aws starts the emulator. Its configuration is written to the folder.
func aws(ctx context.Context, folder string, urls func(at string) (topic, subscription string)) (*Broker, error) {
	path, err := localserver.Binary(ctx, "FHIRDOCK_TEST_FAUXQS", "fauxqs", fauxqsVersion, filepath.Join("node_modules", ".bin", "fauxqs"),
		func(folder string) []string { return localserver.NPM(folder, "fauxqs@"+fauxqsVersion) })
	if err != nil {
		return nil, err
	}
	type named map[string]any
	timeout := map[string]string{"VisibilityTimeout": fmt.Sprint(VisibilityTimeout)}
	fifo := map[string]string{"VisibilityTimeout": fmt.Sprint(VisibilityTimeout), "FifoQueue": "true"}
	config, err := json.Marshal(map[string]any{
		"region": awsRegion,
		"queues": []named{
			{"name": "wakeups", "attributes": timeout}, {"name": "wakeups.fifo", "attributes": fifo},
			{"name": "from-raw", "attributes": timeout}, {"name": "from-sns", "attributes": timeout},
			{"name": "from-sns.fifo", "attributes": fifo},
			{"name": "dead"}, {"name": "redriven", "attributes": map[string]string{
				"VisibilityTimeout": fmt.Sprint(VisibilityTimeout),
				"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:` + awsRegion + `:000000000000:dead","maxReceiveCount":"2"}`,
			}},
		},
		"topics": []named{{"name": "wakeups"}, {"name": "wakeups.fifo", "attributes": map[string]string{"FifoTopic": "true"}}},
		"subscriptions": []named{
			{"topic": "wakeups", "queue": "from-raw", "attributes": map[string]string{"RawMessageDelivery": "true"}},
			{"topic": "wakeups", "queue": "from-sns"},
			{"topic": "wakeups.fifo", "queue": "from-sns.fifo", "attributes": map[string]string{"RawMessageDelivery": "true"}},
		},
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "fauxqs.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	address, err := localserver.FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := localserver.Start(ctx, address, []string{
		"FAUXQS_PORT=" + port, "FAUXQS_INIT=" + file,
	}, path)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		Name: "fauxqs " + fauxqsVersion + ", an emulator of SQS and SNS", Address: address,
		Env: map[string]string{
			"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true",
		},
		stop: p.Stop,
	}
	b.Topic, b.Subscription = urls(address)
	return b, nil
}
