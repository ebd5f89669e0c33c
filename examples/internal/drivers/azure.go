//go:build !noazure

package drivers

import (
	_ "github.com/fhirdock/fhirdock/blobstore/cloud/azureupload"
	_ "github.com/fhirdock/fhirdock/queue/brokers/azurequeue"
)
