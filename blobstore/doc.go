// Package blobstore keeps payloads at rest over gocloud.dev/blob: create-only
// writes whose size and SHA-256 are computed in the same pass, reads from an
// offset, and signed uploads as a URL with all headers that the client must
// send.
//
// A [Store] adds to a *blob.Bucket what taking in health data needs and no
// driver gives by itself; it works with every Go CDK driver, and imports none.
// The folder driver is package dirblob; the signed URLs of buckets that have no
// service in front of them (dirblob, memblob) are package signedurl.
package blobstore
