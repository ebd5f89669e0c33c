//go:build !noazure

package backends

import "github.com/fhirdock/fhirdock/blobstore/cloud/azureupload"

var azureBucket = bucketDriver{open: signed(azureupload.OpenBucket), maxExpiry: azureupload.MaxExpiry}
