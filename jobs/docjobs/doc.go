// Package docjobs keeps jobs in a collection of documents over gocloud.dev/docstore:
// DynamoDB, Firestore or MongoDB.
//
// The program opens the *docstore.Collection and so imports the driver; this package
// imports none. The packages dynamojobs, firestorejobs and mongojobs of the module
// jobs/docjobs/drivers open a store by URL, with the settings that it needs, and each
// has a page with the definition of the table or the indexes, permissions and limits.
//
// # What is promised
//
// All of [jobs.Store]: Get reads what was last written, and an update is a
// compare-and-set of the database, on the revision of the whole document. Which jobs are
// next, an index answers on Firestore and MongoDB, which follows the document at once;
// on DynamoDB, where an index lags, items that are kept beside the jobs and are read
// consistently.
//
// A driver that lost the answer to a write makes the write again, and would then
// report a conflict with itself. Each write leaves a mark by which its writer knows it
// again. Where more than 32 other updates came between, Update fails with an error that
// leaves open whether the job was changed.
//
// # Indexes that lag
//
// On DynamoDB, List and Due ask an index that follows the table within about a second, and
// may take longer. Count of a state other than Accepted does too. What List and Due find
// is read again from the table, so that each job is as last written and is due, or has the
// state that was asked for; a page may have fewer jobs than its limit and still have a
// next. What the index does not have yet is missing until it has. A sweep that misses a
// job finds it the next time.
//
// # Size
//
// A record that is larger than the database takes is refused with [ErrTooLarge],
// before anything is written.
//
// # What is stored
//
// The record is one field of JSON, so that a new field of [jobs.Job] changes no schema.
// Beside it are the fields that are asked by:
//
//	ID            the job's id, the key of the document
//	Sort          on DynamoDB "job"; an item of a line is another document
//	Org, Place    organization; time of creation and id
//	OrgState      organization and state
//	DueShard, Due one of eight shares; the due time
//	Line, Open    organization and place, while unfinished, and while unsettled
//	Ready         organization and place, while accepted without a NotBefore
//	Later         organization, NotBefore and id, while it waits for that time
//
// An organization has one small document of its own, by which [Store.Organizations] finds
// it.
//
// Times in them are hexadecimal, in the order of time.
package docjobs
