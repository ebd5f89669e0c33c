// Package awsqueue sends and receives wake-ups over SQS queues, and sends them over SNS
// topics that queues subscribe to, with gocloud.dev/pubsub/awssnssqs. README.md lists
// policies and queue settings.
//
// # Sending
//
// The organization is the MessageGroupId. In a FIFO queue it defines the order: only one
// message of a group is in flight at a time. In a standard queue it makes the queue fair:
// an organization that sends a lot does not delay the others.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
//
// Up to ten wake-ups that are sent at the same time share one request. If one of them
// fails, the driver reports an error for all ten. That does no harm: workers find the jobs
// without them.
//
// # Receiving
//
// Messages are received one at a time by long polling. A wake-up is deleted as soon as it
// is received. A Lambda function holds its wake-ups while it works, and their visibility
// timeout is not extended: if it expires, the wake-up is redelivered and finds its job in
// progress, and a FIFO queue releases the organization's next wake-up early.
//
// A message that [queue.Consumer.RunRaw] gives back is redelivered after the visibility
// timeout. Go CDK's default is one second, which would turn a message that cannot be
// handled for a minute into a dead letter.
//
// # SNS envelopes
//
// An SNS subscription should have raw message delivery, so that bodies and attributes
// arrive as they were sent. Without it the body is an envelope. The driver unwraps every
// message without SQS attributes whose body looks like an envelope (Type Notification,
// MessageId, Timestamp, TopicArn), and turns the attributes inside into metadata. Anyone
// who can send to the queue can send such a body. Wake-ups are only hints, so that is
// harmless; if metadata matters, name the topic with snstopicarn or disable unwrapping
// with raw=true.
package awsqueue
