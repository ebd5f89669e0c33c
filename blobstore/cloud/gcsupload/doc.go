// Package gcsupload signs uploads into buckets of Google Cloud Storage over
// gocloud.dev/blob/gcsblob, by V4 signatures, and reads objects by their
// generation. Roles and bucket settings are in README.md beside it.
//
// # What a URL binds
//
// Key, method and expiry; the content type, the exact or the greatest length,
// create-only and the metadata. Each is a header under the signature, and the
// client must send all of [blobstore.SignedUpload.Headers] as they are.
// https://cloud.google.com/storage/docs/access-control/signed-urls
// https://cloud.google.com/storage/docs/authentication/canonical-requests
//
// The length is x-goog-content-length-range, create-only is
// x-goog-if-generation-match: 0, which answers a second upload with 412.
// https://cloud.google.com/storage/docs/xml-api/reference-headers
//
// # What is checked after the upload instead
//
// The SHA-256: no header makes Cloud Storage check one (x-goog-content-sha256 is
// part of how requests are signed, and is not documented to be compared with the
// body). Package ingest compares it before it hands anything over. And the content
// encoding, which a client may set: package ingest takes none.
//
// # Versions
//
// An object is read by its generation: where the bucket keeps old ones, also when
// another has replaced it, elsewhere only while it is there.
package gcsupload
