// Package gcpqueue sends and receives wake-ups over Google Cloud Pub/Sub with
// gocloud.dev/pubsub/gcppubsub. README.md lists roles and subscription settings.
//
// # Sending
//
// The organization is the ordering key. Each wake-up is its own request: Pub/Sub does not
// allow two ordering keys in one, and the driver would put up to a thousand messages into
// it.
//
// # Receiving
//
// Messages are pulled one at a time, with a request that waits for one. A wake-up is
// acknowledged as soon as it is received. The ack deadline is not extended while a handler
// runs: when it expires, the message is redelivered, and with ordering so are all later
// ones of its key.
//
// A message that [queue.Consumer.RunRaw] gives back is redelivered after the ack deadline.
//
// # Why not gcppubsubv2
//
// Go CDK's driver over the newer client extends deadlines. But it prefetches up to a
// thousand messages, which wait in this process while other workers are idle; its URLs
// cannot turn ordering on; and once publishing a message of an organization has failed,
// the client refuses all later ones of that organization until ResumePublish is called,
// which the driver never does.
package gcpqueue
