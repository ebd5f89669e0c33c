// Package gcpqueue carries wake-ups over Google Cloud Pub/Sub, by
// gocloud.dev/pubsub/gcppubsub. Roles and settings of the subscription are in README.md
// beside it.
//
// # What is sent
//
// The organization is the ordering key. Each wake-up is a request of its own: Pub/Sub
// takes no two ordering keys in one, and the driver would put a thousand messages into
// it.
//
// # What is received
//
// One message at a time is pulled, by a request that waits for it. A wake-up
// is acknowledged as soon as it was received. The ack deadline is not extended while a
// handler runs: after it the message comes again, and with ordering all later ones of its
// key too.
//
// What [queue.Consumer.RunRaw] gives back comes again after the ack deadline, and not at
// once.
//
// # Why not gcppubsubv2
//
// Go CDK's driver over the newer client extends deadlines. But it takes up to a
// thousand messages into the process, where they wait while other workers are idle;
// its URLs can't turn ordering on; and once a message of an organization could not be
// published, the client refuses all later ones of that organization until somebody
// calls ResumePublish, which the driver does not.
package gcpqueue
