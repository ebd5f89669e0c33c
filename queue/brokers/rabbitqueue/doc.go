// Package rabbitqueue carries wake-ups over RabbitMQ: its topic sends by
// gocloud.dev/pubsub/rabbitpubsub, its subscription is a driver of its own. Permissions
// and settings of the queue are in README.md beside it.
//
// # What is sent
//
// Messages are persistent, and sent once the broker has confirmed them; those that it
// could give to no queue come back, and sending fails. Go CDK's topic stays with the
// connection that it was opened with, and the client library makes no new one: the
// topic of this package does, when it next sends, and declares what may be gone.
//
// # What is received
//
// At most prefetch_count messages are out to a process: by default one more than its
// Consumer handles at once. What is not acknowledged when its connection ends goes back
// to the queue; while the connection lasts nothing does, for up to consumer_timeout, 30
// minutes by default, after which the broker ends the channel.
// https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
//
// What [queue.Consumer.RunRaw] gives back is back at once, after the three seconds that
// it was held. Since RabbitMQ 4.0 a quorum queue drops it after 20 times, or puts it where
// a policy says; before, it takes a policy to count.
// https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
//
// The queue is in order, but for what comes again; several workers, or several handlers
// in one, take from it side by side.
package rabbitqueue
