// Package kafkaqueue carries wake-ups over Apache Kafka, by
// gocloud.dev/pubsub/kafkapubsub. ACLs and settings of the topic are in README.md beside
// it.
//
// # URLs
//
// KAFKA_BROKERS says where the brokers are, as in Go CDK. Two parameters say how they
// are spoken to: tls=true, with the certificates that the system trusts; and sasl, which
// is plain (with tls only), scram-sha-256 or scram-sha-512, for the user and password in
// KAFKA_USERNAME and KAFKA_PASSWORD.
//
// # What is sent
//
// A wake-up is sent once all replicas that are in sync have it. The organization is the
// record's key, which is in no header, and comes back as the metadata organizationId.
// The partition is the client library's FNV-1a hash of it, another one than that of
// Kafka's own clients: a topic should have its wake-ups from here alone.
//
// # What is received, and what comes again
//
// A group reads each partition by one member, and commits one offset for it: that
// before the oldest message that is not acknowledged. The driver has one such list
// for all partitions of a member, so that a handler that takes long keeps back the
// offsets of all of them. It keeps back nothing else: messages behind it are handled.
//
// After a crash, everything behind the last commit comes again: all from the oldest
// message that was not acknowledged, and what was acknowledged in the last second. It
// comes to other members once the brokers have missed the dead one, after 10 seconds.
// A member that ends on a signal commits first. What is not acknowledged while its
// member lives does not come again.
//
// There is no giving back: [queue.Consumer.RunRaw] holds a message that can't be
// handled for two minutes, and then acknowledges it. A group that is new begins with
// the oldest message there is.
package kafkaqueue
