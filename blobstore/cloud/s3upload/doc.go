// Package s3upload signs uploads into buckets of S3 and of S3-compatible stores, such as
// versitygw and R2, over gocloud.dev/blob/s3blob. It gives blobstore.Store the digest and
// the version that S3 keeps. README.md lists policies and bucket settings.
//
// # What a URL binds
//
// Key, method and expiry; the content type, the exact length, the SHA-256,
// create-only and the metadata. Each is a header under the signature, and the
// client must send all of [blobstore.SignedUpload.Headers] as they are; S3 refuses
// an upload without one, with another value, or with an x-amz- header beside them.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
//
// Create-only is If-None-Match: * and answers a second upload with 412:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
// The SHA-256 is x-amz-checksum-sha256, which S3 checks and keeps:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
//
// # What is checked after the upload instead
//
// An upper limit of the length, where the policy has no exact one: a presigned PUT
// has none, S3 itself takes 5 GiB. And the content encoding, which a client may
// set: package ingest takes none.
//
// # Versions
//
// Where the bucket has versioning, an object is read by the id of its version,
// also when another has replaced it or it was deleted; elsewhere only while it has
// its ETag. An object that was uploaded under a SHA-256 has it in its attributes,
// so that package ingest need not read it twice.
package s3upload
