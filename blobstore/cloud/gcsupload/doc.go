// Package gcsupload signs uploads to buckets of Google Cloud Storage with V4 signatures, over
// gocloud.dev/blob/gcsblob, and reads objects by their generation. README.md has roles and
// bucket settings.
//
// # What a URL enforces
//
// Key, method and expiry, the content type, the exact or maximum length, create-only and the
// metadata. Each is a signed header. The client must send all of
// [blobstore.SignedUpload.Headers].
// https://cloud.google.com/storage/docs/access-control/signed-urls
// https://cloud.google.com/storage/docs/authentication/canonical-requests
//
// The length is x-goog-content-length-range. Create-only is x-goog-if-generation-match: 0, so
// a second upload gets a 412.
// https://cloud.google.com/storage/docs/xml-api/reference-headers
//
// # What is checked after the upload
//
// The SHA-256, because no header makes Cloud Storage check one (x-goog-content-sha256 is part
// of signing, and not documented to be compared with the body). Package ingest checks it
// before it hands anything over. And the content encoding, which a client may set and
// package ingest does not accept.
//
// # Versions
//
// An object is read by its generation: in a bucket that keeps old generations even after it
// was replaced, otherwise only while it exists.
package gcsupload
