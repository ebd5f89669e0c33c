// Package blobstore stores payloads with gocloud.dev/blob: create-only writes that compute
// size and SHA-256 in the same pass, reads from an offset, and signed uploads with all
// headers that the client must send.
//
// A [Store] adds to a *blob.Bucket what is needed to take in health data and no driver has
// by itself. It works with every Go CDK driver and imports none. Package dirblob is the
// driver for folders; package signedurl signs URLs for buckets without a service of their
// own (dirblob, memblob).
package blobstore
