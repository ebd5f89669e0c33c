package docjobs

// Database is the kind of database that a collection is in.
type Database string

// Supported databases, and the settings that their collections must be opened with. The
// packages in jobs/docjobs/drivers open them by URL.
const (
	// DynamoDB, with gocloud.dev/docstore/awsdynamodb/v2: [KeyField] and [SortField]
	// are the table's keys and ConsistentRead is set. [Options.BeforeQuery] must unset it
	// for queries of an index, which don't support it.
	DynamoDB Database = "dynamodb"
	// Firestore, with gocloud.dev/docstore/gcpfirestore: [KeyField] is the name field.
	Firestore Database = "firestore"
	// MongoDB, with gocloud.dev/docstore/mongodocstore: [KeyField] is the id field;
	// write concern majority, linearizable reads from the primary.
	MongoDB Database = "mongodb"
	// MemoryForTests, with gocloud.dev/docstore/memdocstore: [KeyField] is the key. It is
	// only for tests of this package: nothing is durable, and revisions are reused, so a
	// stale write can succeed.
	MemoryForTests Database = "memory"
)

// maxRecords has the largest record for each database, in bytes. A DynamoDB item has at
// most 400 KB, a Firestore document 1 MiB and a field of it 1,048,487 bytes, a MongoDB
// document 16 MB; the rest is for the other fields, which contain the organization three
// times.
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

// memoryOfItems is MemoryForTests with the keys and lines of DynamoDB.
const memoryOfItems Database = "memory of items"

// lags reports whether indexes are eventually consistent and have only the keys of
// documents. Then lines are separate items in the table, and keys have a second field.
func (d Database) lags() bool { return d == DynamoDB || d == memoryOfItems }

// repeats reports whether the driver retries a write whose answer was lost without the
// database recognizing the retry, as MongoDB does.
// https://www.mongodb.com/docs/manual/core/retryable-writes/
func (d Database) repeats() bool { return d == DynamoDB || d == Firestore }
