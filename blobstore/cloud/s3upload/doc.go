// Package s3upload signs uploads to buckets of S3 and S3-compatible stores (versitygw,
// SeaweedFS, R2) over gocloud.dev/blob/s3blob, and provides blobstore.Store with S3's digests
// and versions. README.md has policies and bucket settings.
//
// # What a URL enforces
//
// Key, method and expiry, the content type, the exact length, the SHA-256, create-only and
// the metadata. Each is a signed header. The client must send all of
// [blobstore.SignedUpload.Headers]; S3 refuses an upload if one is missing, has another
// value, or if there is an additional x-amz- header.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
//
// Create-only is If-None-Match: *, so a second upload gets a 412:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
// The SHA-256 is x-amz-checksum-sha256, which S3 checks and stores:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
//
// # What is checked after the upload
//
// A maximum length, if the policy has no exact one, because a presigned PUT can't have one
// (S3's limit is 5 GiB). And the content encoding, which a client may set and package ingest
// does not accept.
//
// # Versions
//
// In a bucket with versioning, an object is read by its version id, even after it was
// replaced or deleted; otherwise only while it has its ETag. An object that was uploaded with
// a SHA-256 has it in its attributes, so package ingest need not read it twice.
package s3upload
