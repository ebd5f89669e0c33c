// Package azureupload signs uploads into containers of Azure Blob Storage over
// gocloud.dev/blob/azureblob, and reads blobs by their ETag. README.md lists roles and
// settings.
//
// # What a URL enforces
//
// Key, method and expiry, and create-only: the service SAS has the permission to create but
// not to write, so a second upload gets a 403. A SAS does not sign the request's headers or
// body.
// https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas
//
// The client must send x-ms-blob-type. Content type and metadata are in
// [blobstore.SignedUpload.Headers], so that an honest client's upload has them.
// https://learn.microsoft.com/en-us/rest/api/storageservices/put-blob
//
// # What is checked after the upload
//
// Content type, length (exact or maximum; a request has at most 5,000 MiB) and content
// encoding, before anything is read, and the SHA-256 before anything is handed over. The
// metadata is not checked, because nothing relies on it: a job is found by its key.
//
// # Versions
//
// A blob is only read while it has its ETag, with or without blob versioning, because Go
// CDK's reader does not support version ids.
package azureupload
