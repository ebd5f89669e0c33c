//go:build noaws

package backends

var s3Bucket = bucketless("noaws", "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload")
