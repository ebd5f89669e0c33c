// Package azurequeue carries wake-ups over queues, and topics with subscriptions, of
// Azure Service Bus. Rights and settings of the entities are in README.md beside it.
//
// The drivers are its own, over the Azure SDK, with the URLs and variables of Go CDK's
// gocloud.dev/pubsub/azuresb. That one tries again for ever to settle a message whose
// lock has ended, and is stuck once a hundred of them are; it closes no connection; and
// it has no queues without topics.
//
// # What is sent
//
// A message is sent once Service Bus has stored it. Its id is another for each wake-up,
// since duplicate detection would drop a job's second one, such as after a redrive. The
// organization is session id and partition key: for an order there must be sessions,
// which this package does not receive by, and whoever else does has it. An entity
// without sessions passes over the id.
//
// # What is received
//
// One message at a time, under a lock that is not renewed. A wake-up is completed as soon
// as it was received. Where a handler takes longer than the lock, the message comes again;
// the first handler's own completion fails then, and is passed over.
//
// What [queue.Consumer.RunRaw] gives back comes again when its lock ends, and not at
// once: at once it would be a dead letter after MaxDeliveryCount of times, in seconds.
package azurequeue
