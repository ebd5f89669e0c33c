//go:build noaws && nogcp && noazure && nokafka && nomongo

package drivers_test

import (
	"testing"

	"github.com/fhirdock/fhirdock/ingest/backends"
	"github.com/stretchr/testify/require"
)

// go test -tags noaws,nogcp,noazure,nokafka,nomongo ./internal/drivers -run LeftOut
func TestLeftOutDriversAreNamed(t *testing.T) {
	for _, left := range []struct {
		urls func(string) backends.URLs
		want map[string]string // the import of a URL's driver
	}{
		{func(url string) backends.URLs { return backends.URLs{Blob: url} }, map[string]string{
			"s3://bucket":  "blobstore/cloud/s3upload",
			"gs://bucket":  "blobstore/cloud/gcsupload",
			"azblob://box": "blobstore/cloud/azureupload",
		}},
		{func(url string) backends.URLs { return backends.URLs{Topic: url} }, map[string]string{
			"awssqs://sqs.eu-central-1.amazonaws.com/1/q": "queue/brokers/awsqueue",
			"awssns:///arn:aws:sns:eu-central-1:1:t":      "queue/brokers/awsqueue",
			"gcppubsub://projects/p/topics/topic":         "queue/brokers/gcpqueue",
			"azuresb://topic":                             "queue/brokers/azurequeue",
			"kafka://topic":                               "queue/brokers/kafkaqueue",
		}},
		{func(url string) backends.URLs { return backends.URLs{Jobs: url} }, map[string]string{
			"dynamodb://table":   "jobs/docjobs/drivers/dynamojobs",
			"firestore://x":      "jobs/docjobs/drivers/firestorejobs",
			"mongo://db/records": "jobs/docjobs/drivers/mongojobs",
		}},
	} {
		for url, want := range left.want {
			_, err := backends.Open(t.Context(), left.urls(url), options(t))
			require.ErrorContains(t, err, "github.com/fhirdock/fhirdock/"+want, url)
		}
	}
}
