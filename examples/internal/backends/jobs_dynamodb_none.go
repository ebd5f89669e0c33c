//go:build noaws

package backends

var dynamoJobs = jobless("noaws", "github.com/fhirdock/fhirdock/jobs/docjobs/drivers/dynamojobs")
