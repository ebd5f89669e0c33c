//go:build noazure

package backends

var azureBucket = bucketless("noazure", "github.com/fhirdock/fhirdock/blobstore/cloud/azureupload")
