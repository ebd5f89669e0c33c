//go:build !noaws

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"

var s3Bucket = signed(s3upload.OpenBucket)
