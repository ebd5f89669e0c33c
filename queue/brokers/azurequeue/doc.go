// Package azurequeue sends and receives wake-ups over Azure Service Bus, with queues or with
// topics and subscriptions. README.md lists roles and settings.
//
// It has drivers of its own over the Azure SDK, with the URLs and environment variables of
// Go CDK's gocloud.dev/pubsub/azuresb. That driver retries settling a message forever once
// its lock has expired, and hangs after a hundred such messages; it never closes its
// connection; and it does not support queues without topics.
//
// # Sending
//
// Send returns once Service Bus has stored the message. Each wake-up has its own message
// id, because duplicate detection would drop a job's second wake-up, for example after a
// redrive. The organization is the session id and the partition key, for consumers that
// receive by session; this package does not, and so has no order. An entity without
// sessions ignores the id.
//
// # Receiving
//
// Messages are received one at a time, under a lock that is not renewed. A wake-up is
// completed as soon as it is received. If a handler takes longer than the lock, the message
// is redelivered, and the first handler's completion fails and is ignored.
//
// A message that [queue.Consumer.RunRaw] gives back is redelivered when its lock expires.
// If it were redelivered at once, it would exceed MaxDeliveryCount within seconds and
// become a dead letter.
package azurequeue
