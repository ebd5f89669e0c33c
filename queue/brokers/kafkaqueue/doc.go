// Package kafkaqueue sends and receives wake-ups over Apache Kafka with
// gocloud.dev/pubsub/kafkapubsub. README.md lists ACLs and topic settings.
//
// # URLs
//
// The environment variable KAFKA_BROKERS lists the brokers, as in Go CDK. Two parameters
// configure the connection: tls=true, with the system's certificates; and sasl, which is
// plain (only with TLS), scram-sha-256 or scram-sha-512, for the user and password in
// KAFKA_USERNAME and KAFKA_PASSWORD.
//
// # Sending
//
// Send returns once all in-sync replicas have the wake-up. The organization is the record's
// key, not a header, and is received as the metadata organizationId. The client library
// chooses the partition by an FNV-1a hash of the key, unlike Kafka's own clients, so all
// wake-ups of a topic should be sent by this package.
//
// # Receiving and redelivery
//
// One member of a group reads each partition and commits one offset for it: the one of the
// oldest unacknowledged message. The driver keeps one such list for all partitions of a
// member, so a slow handler holds back the offsets of all of them, but nothing else: later
// messages are still handled.
//
// After a crash, everything since the last commit is redelivered: all messages from the
// oldest unacknowledged one on, and those acknowledged within the last second. They go to
// other members once the brokers have noticed the loss, after 10 seconds. A member that is
// stopped by a signal commits first. While its member is alive, an unacknowledged message
// is not redelivered.
//
// Messages cannot be given back: [queue.Consumer.RunRaw] holds one that cannot be handled
// for two minutes and then acknowledges it. A new group starts at the oldest message.
package kafkaqueue
