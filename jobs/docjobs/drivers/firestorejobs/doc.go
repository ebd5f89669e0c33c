// Package firestorejobs opens a Firestore collection as a job store, with jobs/docjobs and
// gocloud.dev/docstore/gcpfirestore. README.md has the indexes, permissions and limits.
//
// Reads and queries of Firestore are strongly consistent. A replacement has the time of the
// last update as its precondition.
// https://firebase.google.com/docs/firestore/understand-reads-writes-scale
package firestorejobs
