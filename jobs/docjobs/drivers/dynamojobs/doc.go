// Package dynamojobs opens a table of DynamoDB as a job store, by
// jobs/docjobs and gocloud.dev/docstore/awsdynamodb. The table's definition, the
// permissions and the limits are in README.md beside it.
//
// Each job is read consistently and changed by a conditional write. List and Due ask
// global secondary indexes, which lag, and read what they find again; see package
// docjobs. The lines of the organizations are items of the same table, so that Next
// is consistent too.
package dynamojobs
