//go:build !noazure

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/azureupload"

var azureBucket = signed(azureupload.OpenBucket)
