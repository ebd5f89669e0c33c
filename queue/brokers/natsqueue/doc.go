// Package natsqueue sends and receives wake-ups over NATS JetStream. It has a driver of
// its own, since Go CDK's NATS driver does not support JetStream; the driver passes Go
// CDK's conformance suite. README.md lists permissions and stream settings.
//
// # Sending
//
// Send returns once JetStream has stored the wake-up. While disconnected, nothing is
// buffered and sending fails. The client reconnects by itself, also to a server that was
// unreachable when the topic was opened. The next message creates a deleted stream again.
//
// # Receiving
//
// Messages are pulled one at a time. A message that is not acknowledged within five
// minutes is redelivered. A message that [queue.Consumer.RunRaw] gives back is redelivered
// at once, after RunRaw has held it for three seconds, and without limit: the consumer's
// MaxDeliver is not set. A deleted stream or consumer is noticed within seconds and
// created again; the messages in it are lost.
//
// The stream is ordered, except for redelivered messages. Several workers, or several
// handlers in one worker, take messages in parallel.
//
// # As
//
// natsqueue exposes the following types for As:
//   - Topic: *nats.Conn, jetstream.JetStream
//   - Subscription: *nats.Conn, jetstream.Consumer
//   - Message.BeforeSend: *nats.Msg
//   - Message.AfterSend: *jetstream.PubAck
//   - Message: jetstream.Msg
//   - Error: jetstream.JetStreamError, *jetstream.APIError
//
// Metadata are sent as headers, with names and values escaped as in a URL's query.
package natsqueue
