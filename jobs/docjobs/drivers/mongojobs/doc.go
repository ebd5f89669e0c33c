// Package mongojobs opens a MongoDB collection as a job store, with jobs/docjobs and
// gocloud.dev/docstore/mongodocstore. README.md has the indexes, permissions and limits.
//
// Writes are acknowledged by a majority. Reads are linearizable: an old primary that was
// partitioned off does not answer them. A replacement has the revision that was read in
// its filter.
package mongojobs
