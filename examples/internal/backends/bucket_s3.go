//go:build !noaws

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"

var s3Bucket = bucketDriver{open: signed(s3upload.OpenBucket), maxExpiry: s3upload.MaxExpiry}
