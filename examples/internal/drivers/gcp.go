//go:build !nogcp

package drivers

import (
	_ "github.com/fhirdock/fhirdock/blobstore/cloud/gcsupload"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs"
	_ "github.com/fhirdock/fhirdock/queue/brokers/gcpqueue"
)
