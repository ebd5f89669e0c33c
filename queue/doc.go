// Package queue carries wake-ups over gocloud.dev/pubsub: small messages that
// say "look at this job".
//
// # Delivery
//
// A wake-up is a hint. It may be lost, doubled, late or out of order, on any
// broker and by any setting; whoever acts on one looks the job up first, and a
// sweeper finds the jobs whose wake-up was lost. So a [Consumer] acknowledges a
// message once its handler returned, whatever the handler said: nothing is
// retried by the broker, and no poison message goes round in a loop.
//
// [Consumer.RunRaw] is for messages that are not ours, such as the notifications of
// an object store: those that could not be handled are given back to the broker.
//
// # In process
//
// [NewLocal] is a topic and a subscription in memory, which is all that a
// single process needs: delivery without polling, and bounded memory: sending
// fails where the queue is full, and the sweeper sends the wake-up later.
package queue
