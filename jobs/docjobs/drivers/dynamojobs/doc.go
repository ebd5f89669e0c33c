// Package dynamojobs opens a DynamoDB table as a job store, with jobs/docjobs and
// gocloud.dev/docstore/awsdynamodb. README.md has the table's definition, permissions and
// limits.
//
// Jobs are read consistently and changed by conditional writes. List and Due query global
// secondary indexes, which lag, and read what they find again; see package docjobs. Next
// is consistent too: it reads items of the same table instead of an index.
package dynamojobs
