//go:build nogcp

package backends

var firestoreJobs = jobless("nogcp", "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/firestorejobs")
