package docjobs

// Database is what the collection is in.
type Database string

// The databases that there are, and what their collections must be opened with; the
// packages in jobs/docjobs/drivers do it by URL.
const (
	// DynamoDB, by gocloud.dev/docstore/awsdynamodb/v2: [KeyField] and [SortField]
	// are the table's keys, ConsistentRead is set, and [Options.BeforeQuery] takes
	// it back from queries of an index, which know no such reads.
	DynamoDB Database = "dynamodb"
	// Firestore, by gocloud.dev/docstore/gcpfirestore: [KeyField] is the name field.
	Firestore Database = "firestore"
	// MongoDB, by gocloud.dev/docstore/mongodocstore: [KeyField] is the id field;
	// writes have the concern majority, reads are of the primary and linearizable.
	MongoDB Database = "mongodb"
	// MemoryForTests, by gocloud.dev/docstore/memdocstore: [KeyField] is the key.
	// Nothing is kept, and a revision that was counted anew lets a stale write
	// through: it is for the tests of this package and of no use elsewhere.
	MemoryForTests Database = "memory"
)

// maxRecords are in bytes. Of the 400 KB of an item, the 1 MiB of a document, of
// which a field has at most 1,048,487 bytes, and the 16 MB of the third, the rest is
// for the other fields, the organization three times among them.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
// https://firebase.google.com/docs/firestore/quotas
// https://www.mongodb.com/docs/manual/reference/limits/
var maxRecords = map[Database]int{
	DynamoDB:       400*1024 - 8*1024,
	Firestore:      1024*1024 - 16*1024,
	MongoDB:        16*1024*1024 - 64*1024,
	MemoryForTests: 16 * 1024 * 1024,
	memoryOfItems:  16 * 1024 * 1024,
}

// memoryOfItems is the memory of tests with the keys and the lines of DynamoDB.
const memoryOfItems Database = "memory of items"

// lags: an index follows the documents with a delay, and has only their keys. So lines
// are items beside the jobs, and keys have a second field.
func (d Database) lags() bool { return d == DynamoDB || d == memoryOfItems }

// repeats: the driver makes a write again whose answer was lost, and the database
// does not know that it is the same one. MongoDB does.
// https://www.mongodb.com/docs/manual/core/retryable-writes/
func (d Database) repeats() bool { return d == DynamoDB || d == Firestore }
