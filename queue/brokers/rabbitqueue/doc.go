// Package rabbitqueue sends and receives wake-ups over RabbitMQ. Its topic uses
// gocloud.dev/pubsub/rabbitpubsub, its subscription is a driver of its own. README.md lists
// permissions and queue settings.
//
// # Sending
//
// Messages are persistent. Send returns once the broker has confirmed the message, and
// fails if the broker could not route it to a queue. Go CDK's topic is tied to the
// connection that it was opened with, and the client library does not reconnect. The topic
// of this package reconnects with the next message, and declares what may be missing.
//
// # Receiving
//
// At most prefetch_count messages are unacknowledged in a process: by default one more than
// its Consumer handles at once. When the connection ends, unacknowledged messages return to
// the queue. While it lasts they don't, until consumer_timeout, 30 minutes by default, ends
// the channel.
// https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
//
// A message that [queue.Consumer.RunRaw] gives back is redelivered at once, after RunRaw has
// held it for three seconds. Since RabbitMQ 4.0 a quorum queue drops or dead-letters it
// after 20 deliveries; before, only if a policy sets a limit.
// https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
//
// The queue is ordered, except for redelivered messages. Several workers, or several
// handlers in one worker, take messages in parallel.
package rabbitqueue
