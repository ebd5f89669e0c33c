// Package firestorejobs opens a collection of Firestore as a job store, by jobs/docjobs
// and gocloud.dev/docstore/gcpfirestore. Indexes, permissions and limits are in
// README.md beside it.
//
// Reads and queries of Firestore are strongly consistent, and a replacement has the
// time of the last update as its precondition.
// https://firebase.google.com/docs/firestore/understand-reads-writes-scale
package firestorejobs
