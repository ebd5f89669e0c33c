//go:build !nogcp

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload"

var gcsBucket = signed(gcsupload.OpenBucket)
