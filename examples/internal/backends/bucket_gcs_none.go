//go:build nogcp

package backends

var gcsBucket = bucketless("nogcp", "github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload")
