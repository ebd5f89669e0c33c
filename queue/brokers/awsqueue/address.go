package awsqueue

import (
	"crypto/rand"
	"fmt"
	"strconv"

	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/fhirdock/fhirdock/queue"
	"github.com/fhirdock/fhirdock/queue/brokers/internal/brokerurl"
)

// maxKey is the longest group or deduplication id, in characters.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
const maxKey = 128

// address returns a BeforeSend that sets the group id and, for FIFO, the deduplication id.
// It does not use Go CDK's metadata of the same names, because those are sent as message
// attributes too, and SQS allows only ten.
func address(fifo bool) func(m queue.Message, as func(any) bool) error {
	return func(m queue.Message, as func(any) bool) error {
		group := brokerurl.Key(m.OrganizationID, maxKey)
		var id *string // allowed only in FIFO
		if fifo {
			own := deduplication(m)
			id = &own
		}
		var toQueue *sqstypes.SendMessageBatchRequestEntry
		var toTopic *snstypes.PublishBatchRequestEntry
		switch {
		case as(&toQueue):
			toQueue.MessageGroupId, toQueue.MessageDeduplicationId = &group, id
		case as(&toTopic):
			toTopic.MessageGroupId, toTopic.MessageDeduplicationId = &group, id
		default:
			return fmt.Errorf("awsqueue: not an SQS or SNS topic")
		}
		return nil
	}
}

// deduplication returns an id for this one wake-up. For 5 minutes SQS silently drops
// messages that reuse an id. With the job's id alone it would drop every later wake-up of
// the job, for example after a redrive.
func deduplication(m queue.Message) string {
	moment := strconv.FormatInt(m.Timestamp.UnixNano(), 10)
	if m.Timestamp.IsZero() {
		moment = rand.Text()
	}
	return brokerurl.Key(m.JobID+"."+moment, maxKey)
}
