//go:build noaws && nogcp && noazure && nokafka && nomongo

package backends

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// go test -tags noaws,nogcp,noazure,nokafka,nomongo ./internal/backends -run LeftOut
func TestLeftOutDriversAreNamed(t *testing.T) {
	for topic, want := range map[string]string{
		"awssqs://sqs.eu-central-1.amazonaws.com/1/q": "queue/brokers/awsqueue",
		"awssns:///arn:aws:sns:eu-central-1:1:t":      "queue/brokers/awsqueue",
		"gcppubsub://projects/p/topics/topic":         "queue/brokers/gcpqueue",
		"azuresb://topic":                             "queue/brokers/azurequeue",
		"kafka://topic":                               "queue/brokers/kafkaqueue",
	} {
		c := config(t)
		c.Topic = topic
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
	for jobs, want := range map[string]string{
		"dynamodb://table":   "jobs/docjobs/drivers/dynamojobs",
		"firestore://x":      "jobs/docjobs/drivers/firestorejobs",
		"mongo://db/records": "jobs/docjobs/drivers/mongojobs",
	} {
		c := config(t)
		c.Jobs = jobs
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, want)
	}
	for url, want := range map[string]string{
		"s3://bucket":  "blobstore/cloud/s3upload",
		"gs://bucket":  "blobstore/cloud/gcsupload",
		"azblob://box": "blobstore/cloud/azureupload",
	} {
		c := config(t)
		c.Blob = url
		_, err := Open(t.Context(), c)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "built with the tag no")
	}
}
