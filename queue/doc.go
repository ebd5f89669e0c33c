// Package queue sends and receives wake-ups over gocloud.dev/pubsub: small messages that
// say "look at this job".
//
// # Delivery
//
// A wake-up is a hint. With any broker and any setting it may be lost, duplicated, late or
// out of order. Receivers look the job up first, and workers also poll for waiting jobs.
// So a [Consumer] acknowledges a message once its handler returned, whatever the outcome:
// the broker retries nothing, and no poison message loops.
//
// [Consumer.RunRaw] is for messages of others, such as the notifications of an object
// store: those that could not be handled are given back to the broker.
//
// # Brokers
//
// The table lists the drivers' behaviour, read from their sources, with the settings of
// the module queue/brokers (for the last two, of package pgnotify and [NewLocal]). "Order"
// is the order in which an organization's wake-ups are delivered; concurrent handlers, and
// those in other processes, finish in any order. No driver extends the lease of a message
// while its handler runs: if the lease is too short, the message is redelivered. RunRaw
// holds a failing message for 3 seconds, 2 minutes on Kafka, before the driver gives it
// back.
//
//	broker         order          not acknowledged: again…          given back: again…     dead letter     set by us
//	SQS, standard  none           after the visibility timeout      after that             RedrivePolicy   group for fairness, waittime=20s, nacklazy
//	SQS, FIFO      by group       after it; the group waits         after it               RedrivePolicy   group = organization, an id for each wake-up
//	SNS to SQS     as the queue   as the queue                      as the queue           of the queue    the same; envelopes are opened
//	Pub/Sub        by key, if on  after the ack deadline, and all   after that             of the          key = organization, one message a request,
//	                              later ones of the key                                    subscription    nacklazy
//	Service Bus    none           when the lock ends                when it ends           after           an id for each wake-up, session and partition
//	                                                                                       MaxDeliveryCount key = organization, nacklazy
//	RabbitMQ       of the queue   when the connection ends, or      at once                by policy       quorum queue, persistent, confirmed,
//	                              after consumer_timeout                                                   prefetch_count
//	JetStream      of the stream  after 5 minutes                   at once                none            work-queue stream, ack wait, stored when sent
//	Kafka          by partition   only to another session of the    never: acknowledged    none            key = organization, acks of all in sync,
//	                              group, all from the oldest on     after 2 minutes                        from the oldest
//	LISTEN/NOTIFY  of commits     never                             can't be: as on Kafka  none            see package pgnotify
//	in process     first in,      never                             at once, at the end    none            dropped above 4096
//	               first out
//
// Drivers prefetch one message where they can be told to (SQS, Pub/Sub, Service Bus,
// JetStream, RabbitMQ, in process); a member of a Kafka group has the messages of its
// partitions.
//
// On SQS FIFO queues, and on Pub/Sub with ordering, an unacknowledged wake-up holds up all
// later ones of its organization until its lease ends. fhirdock's worker acknowledges a
// wake-up as soon as it is received, and asks the job store for the next job; a function
// that is invoked with the messages holds them while it works.
//
// # In process
//
// [NewLocal] returns a topic and a subscription in memory, which is enough for a single
// process: delivery without polling, in bounded memory. If thousands of wake-ups are
// waiting, a new one is dropped: a worker that is woken by any of them asks for the next
// job, and so finds this one too.
package queue
