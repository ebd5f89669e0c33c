// Package natsqueue carries wake-ups over NATS JetStream, with a driver of its own: Go
// CDK's driver of NATS has no JetStream. Permissions and settings of the stream are in
// README.md beside it.
//
// # What is sent
//
// A wake-up is sent once JetStream has stored it. While the connection is lost nothing
// is kept for it, and sending fails; the connection comes back by itself, and so does a
// server that was away when the topic was opened. A stream that was deleted is made
// again by the next message.
//
// # What is received
//
// One message at a time is pulled. What is not acknowledged for five minutes comes
// again. What [queue.Consumer.RunRaw] gives back is back
// at once, after the three seconds that it was held, and as often as it takes:
// the consumer's MaxDeliver is not set. A stream or a consumer that was deleted is noticed
// within seconds and made again; the messages in it are lost.
//
// The stream is in order, but for what comes again; several workers, or several handlers
// in one, take from it side by side.
//
// Metadata are headers, with names and values escaped as in a URL's query. As gives
// *nats.Msg before a message is sent, jetstream.Msg of one that was received, and
// *nats.Conn of a topic or subscription.
package natsqueue
