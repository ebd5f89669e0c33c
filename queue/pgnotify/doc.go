// Package pgnotify sends wake-ups with PostgreSQL's NOTIFY and LISTEN, as a topic and a
// subscription of gocloud.dev/pubsub, so that a program whose jobs are in PostgreSQL needs no
// broker.
//
// # Delivery
//
// Messages are delivered at most once. Messages are lost while nobody listens, when a
// listener's connection breaks, and when its buffer is full. A worker finds the job of a lost
// wake-up when it next polls (every 5 s by default; see PollInterval of package ingest). Ack
// does nothing, and Nack is not supported, because nothing is redelivered.
//
// A channel belongs to a database: topic and subscription must use the same one.
//
// # Costs
//
// Every listener gets every message. If N workers listen, each reads the job and one wins the
// claim, so N-1 reads per job are wasted. That does not matter for a few workers; use a broker
// for a hundred.
//
// Transactions with NOTIFY commit one at a time in the whole server, because each takes a
// lock for its commit. So a topic uses short transactions of its own, one for each batch, and
// not the one that creates the job.
//
// The server keeps messages until all listeners have read them, and once they exceed 8 GB,
// the default, every NOTIFY fails. So a subscription always reads its connection, and drops
// messages that don't fit into its buffer. See
// https://www.postgresql.org/docs/current/sql-notify.html.
//
// # Connections
//
// A topic uses the connections of a sql.DB, which can be shared with the job store. A
// subscription has its own connection to the primary, since standbys don't support LISTEN
// and NOTIFY. A subscription must not go through PgBouncer in transaction or statement mode,
// where LISTEN succeeds but no message ever arrives. A topic may.
//
// For a cluster with failover, set target_session_attrs=read-write and connect_timeout in the
// URLs of both, so that neither connects to a standby.
//
// A subscription whose connection broke stays broken; queue.Reopen opens another. A silent
// connection is pinged, to detect a broken one.
//
// # Payload
//
// The payload of a notification is a JSON object with the message's id, metadata and body: as
// text if it is UTF-8, otherwise in base64. It must be shorter than 8000 bytes. A database
// with another encoding than UTF-8 rejects characters that the encoding lacks. Other payloads
// are received as a body without metadata, so that a trigger or psql can send a wake-up:
//
//	select pg_notify('wakeups', '{"jobId":"…"}')
package pgnotify
