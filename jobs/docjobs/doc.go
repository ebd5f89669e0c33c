// Package docjobs keeps jobs in a collection of documents over gocloud.dev/docstore:
// DynamoDB, Firestore or MongoDB.
//
// This package imports no driver: the program does, and opens the *docstore.Collection.
// The packages dynamojobs, firestorejobs and mongojobs of the module jobs/docjobs/drivers
// open a store by URL with the right settings. Their READMEs define the table or indexes,
// permissions and limits.
//
// # Guarantees
//
// A Store provides all of [jobs.Store]. Get is consistent, and Update is a
// compare-and-set on the revision of the whole document. Next queries an index on
// Firestore and MongoDB, where indexes are consistent. On DynamoDB, where they lag, it
// reads extra items that are kept in the same table and read consistently.
//
// A driver retries a write whose answer was lost, and would then report a conflict with
// itself. So each write leaves a mark by which its writer recognizes it. If more than 32
// other updates came between, Update fails with an error, and the job may or may not have
// been changed.
//
// # Indexes that lag
//
// On DynamoDB, List, Due, and Count of a state other than Accepted, query an index that is
// usually up to a second out of date. List and Due read what they find again from the
// table, so that each job is as last written, and leave out jobs that are no longer due or
// in the queried state. So a page may have fewer jobs than its limit and still have a Next.
// Jobs that are not in the index yet are missing; the next sweep finds them.
//
// # Size
//
// A record that is too large for the database is refused with [ErrTooLarge] before
// anything is written.
//
// # Schema
//
// The record is one field of JSON, so that a new field of [jobs.Job] changes no schema.
// The other fields are for queries:
//
//	ID            the job's id, the key of the document
//	Sort          on DynamoDB "job"; other values are items of lines
//	Org, Place    organization; time of creation and id
//	OrgState      organization and state
//	DueShard, Due one of eight shards; the due time
//	Line, Open    organization and Place, while unfinished, and while unsettled
//	Ready         organization and Place, while accepted without a NotBefore
//	Later         organization, NotBefore and id, while waiting for that time
//
// Times in them are hexadecimal and sort by time. Each organization also has a small
// document for [Store.Organizations].
package docjobs
