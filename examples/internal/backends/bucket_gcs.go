//go:build !nogcp

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload"

var gcsBucket = bucketDriver{open: signed(gcsupload.OpenBucket), maxExpiry: gcsupload.MaxExpiry}
