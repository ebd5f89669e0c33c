//go:build !noaws

package drivers

import (
	_ "github.com/fhirdock/fhirdock/blobstore/cloud/s3upload"
	_ "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs"
	_ "github.com/fhirdock/fhirdock/queue/brokers/awsqueue"
)
