//go:build nomongo

package backends

var mongoJobs = jobless("nomongo", "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/mongojobs")
