// Package awsqueue carries wake-ups over queues of SQS, and topics of SNS with queues
// behind them, by gocloud.dev/pubsub/awssnssqs. Policies and settings of the queue are
// in README.md beside it.
//
// # What is sent
//
// The organization is the MessageGroupId. In a FIFO queue it is what is in order: one
// message of a group is out at a time. In a standard one it makes the queue fair: an
// organization that sends much does not hold up the others.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
//
// Up to ten wake-ups that are sent at the same time go in one request. If one of them
// is refused, the driver says so for all ten. No harm is done: workers find the jobs by
// themselves.
//
// # What is received
//
// SQS is asked by long polling, for one message at a time. A wake-up
// is deleted as soon as it was received. A function that is called with its wake-ups
// holds them while it works, and they are not made invisible for longer: where the
// visibility timeout is shorter, a wake-up comes again and finds its job being worked on,
// and in a FIFO queue the organization's next one is let out early.
//
// What [queue.Consumer.RunRaw] gives back comes again after the visibility timeout.
// Go CDK's own way is a timeout of a second, with which a message that can't be handled
// for a minute is a dead letter.
//
// # Envelopes of SNS
//
// A subscription of SNS should have raw message delivery; then bodies and attributes
// come as they were sent. Without it the body is an envelope, and the driver takes for
// one what has no attributes of SQS and looks like one (Type Notification, MessageId,
// Timestamp, TopicArn), the attributes in it becoming metadata. Whoever may send to the
// queue can send such a body; wake-ups are looked up and not believed, but where
// metadata is, name the topic by snstopicarn, or turn this off by raw=true.
package awsqueue
