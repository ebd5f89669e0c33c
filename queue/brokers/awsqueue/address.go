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

// address sets what a message is grouped and told apart by. It does not go by Go
// CDK's metadata of the same names, since that would be sent as attributes too, of
// which SQS takes ten.
func address(fifo bool) func(m queue.Message, as func(any) bool) error {
	return func(m queue.Message, as func(any) bool) error {
		group := brokerurl.Key(m.OrganizationID, maxKey)
		var id *string // which only FIFO takes
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
			return fmt.Errorf("awsqueue: the topic is none of SQS or SNS")
		}
		return nil
	}
}

// deduplication is the id of one wake-up. Of two with the same one SQS drops the second
// for 5 minutes, and says that it took it: with the job's id alone, that would be each
// later wake-up of a job, such as after a redrive.
func deduplication(m queue.Message) string {
	moment := strconv.FormatInt(m.Timestamp.UnixNano(), 10)
	if m.Timestamp.IsZero() {
		moment = rand.Text()
	}
	return brokerurl.Key(m.JobID+"."+moment, maxKey)
}
