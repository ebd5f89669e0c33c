// Package mongojobs opens a collection of MongoDB as a job store, by jobs/docjobs and
// gocloud.dev/docstore/mongodocstore. Indexes, permissions and limits are in README.md
// beside it.
//
// Writes are acknowledged by a majority, and reads are linearizable: a primary that
// was cut off and does not know yet that there is another answers none. A replacement
// has the revision that was read in its filter.
package mongojobs
