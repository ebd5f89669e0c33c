// Package queue carries wake-ups over gocloud.dev/pubsub: small messages that
// say "look at this job".
//
// # Delivery
//
// A wake-up is a hint. It may be lost, doubled, late or out of order, on any
// broker and by any setting; whoever acts on one looks the job up first, and workers
// ask for what waits by themselves, too. So a [Consumer] acknowledges a
// message once its handler returned, whatever the handler said: nothing is
// retried by the broker, and no poison message goes round in a loop.
//
// [Consumer.RunRaw] is for messages that are not ours, such as the notifications of
// an object store: those that could not be handled are given back to the broker.
//
// # Brokers
//
// What the drivers do, with the settings of the module queue/brokers (of package
// pgnotify and [NewLocal] for the last two), by their sources. "Order" is that in which
// an organization's wake-ups are given out; handlers in several processes, or by
// Concurrency, finish as they do. Nowhere is the lease of a message extended while its
// handler runs: where it is shorter, the message comes again. RunRaw holds a message that
// fails for 3 seconds, 2 minutes on Kafka, before the driver gives it back.
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
// One message is taken ahead of handlers where the driver lets us (SQS, Pub/Sub, Service
// Bus, JetStream, RabbitMQ, in process); on Kafka a member has what is in its
// partitions.
//
// On FIFO queues of SQS, and on Pub/Sub with ordering, a wake-up that nobody acknowledges
// keeps back all later ones of its organization until its lease is over. fhirdock's worker
// acknowledges a wake-up as soon as it was received, and asks the job store what is next;
// a function that is called with its messages holds them while it works.
//
// # In process
//
// [NewLocal] is a topic and a subscription in memory, which is all that a
// single process needs: delivery without polling, in bounded memory. A wake-up that is
// sent while thousands wait is dropped: the worker that asks for what is next, woken by
// any of them, finds its job too.
package queue
