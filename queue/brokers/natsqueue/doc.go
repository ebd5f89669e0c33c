// Package natsqueue carries wake-ups over NATS JetStream, by
// github.com/pitabwire/natspubsub: Go CDK's own driver of NATS has no JetStream.
// Permissions and settings of the stream are in README.md beside it. It registers the
// URL scheme nats with Go CDK, as gocloud.dev/pubsub/natspubsub does: a program that
// imports both panics when it starts.
//
// # What is sent
//
// A wake-up is sent once JetStream has stored it. While the connection is lost nothing
// is kept for it, and sending fails; the connection comes back by itself.
//
// # What is received
//
// One message at a time is pulled. What is not acknowledged for five minutes comes
// again, whatever became of its worker: while a job is worked on that long, somebody
// else looks, sees it and acknowledges. What [queue.Consumer.RunRaw] gives back is back
// at once, after the three seconds that it was held, and as often as it takes:
// the consumer's MaxDeliver is not set.
//
// The stream is in order, but for what comes again; several workers, or several handlers
// in one, take from it side by side.
package natsqueue
