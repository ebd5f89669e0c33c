// Package pgnotify carries wake-ups by PostgreSQL's NOTIFY and LISTEN, as a topic
// and a subscription of gocloud.dev/pubsub: a program whose jobs are in PostgreSQL
// needs no broker beside it.
//
// # Delivery
//
// At most once. What is sent while nobody listens is lost, and so is what was
// under way when a listener's connection broke, or what a listener has no room
// for. A worker finds the job of a lost wake-up when it next polls (after 5 s by default,
// see PollInterval of package ingest). Ack does nothing, and Nack is not possible: nothing
// is delivered again.
//
// A channel is known in one database: topic and subscription must be of the same
// one.
//
// # What it costs
//
// Every listener gets every message. Of N workers that listen, each reads the
// job, and one wins the claim: N-1 reads are made in vain for each job. That is
// little for a handful of workers, and the reason to take a broker for a hundred.
//
// Transactions that notify commit one by one, in the whole server: each takes a
// lock at its commit and holds it until the commit is done. So a topic notifies in
// short transactions of its own, one for each batch, and never in the one that
// creates the job.
//
// The server keeps what a listener has not read, for all listeners, and once that
// is 8 GB, as a server is set up by default, every NOTIFY fails. So a subscription
// reads its connection at all times, and drops what does not fit into its buffer. See
// https://www.postgresql.org/docs/current/sql-notify.html.
//
// # Connections
//
// A subscription has a connection of its own, to the primary: a standby server
// refuses LISTEN and NOTIFY. It must not go by way of PgBouncer in transaction or
// statement mode, where LISTEN is no error and nothing is ever heard. A topic may.
//
// For a cluster that fails over, set target_session_attrs=read-write and connect_timeout
// in the URLs of both, so that neither begins on a standby.
//
// A subscription whose connection broke stays broken; queue.Reopen opens another.
// A connection on which nothing came for a while is pinged, so that one is noticed
// on which nothing can come any more.
//
// # Payload
//
// The payload of a notification is a JSON object with the message's id, metadata,
// and body: as text if it is UTF-8, in base64 if not. It must be shorter than 8000
// bytes. In a database whose encoding is not UTF-8, characters that the encoding
// does not have are refused. A payload that is not such an object is received as a
// body without metadata, so that a trigger or a person at psql can wake a job:
//
//	select pg_notify('wakeups', '{"jobId":"…"}')
package pgnotify
