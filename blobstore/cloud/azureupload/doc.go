// Package azureupload signs uploads into containers of Azure Blob Storage over
// gocloud.dev/blob/azureblob, and reads blobs by their ETag. README.md lists roles and
// settings.
//
// # What a URL binds
//
// Key, method and expiry, and create-only: the service SAS has the permission to
// create and not that to write, so that a second upload is answered with 403. A
// SAS signs nothing of the request's headers or body.
// https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
//
// The client must send x-ms-blob-type; content type and metadata are in
// [blobstore.SignedUpload.Headers] so that an honest client's upload has them.
// https://learn.microsoft.com/en-us/rest/api/storageservices/put-blob
//
// # What is checked after the upload instead
//
// Content type, length (exact or greatest; one request carries at most 5,000 MiB)
// and content encoding, before anything is read; the SHA-256 before anything is
// handed over. The metadata is not checked: nothing believes it, a job is found by
// its key.
//
// # Versions
//
// A blob is read only while it has its ETag, with blob versioning or without: Go
// CDK's reader has no place for a version's id.
package azureupload
