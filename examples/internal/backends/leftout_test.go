//go:build noaws && nogcp && noazure && nokafka && nomongo

package backends

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// go test -tags noaws,nogcp,noazure,nokafka,nomongo ./internal/backends -run LeftOut
func TestLeftOutDriversAreNamed(t *testing.T) {
	for _, left := range []struct {
		change func(*Config, string)
		want   map[string]string // the import of a URL's driver
	}{
		{func(c *Config, url string) { c.Blob = url }, map[string]string{
			"s3://bucket":  "blobstore/cloud/s3upload",
			"gs://bucket":  "blobstore/cloud/gcsupload",
			"azblob://box": "blobstore/cloud/azureupload",
		}},
		{func(c *Config, url string) { c.Topic = url }, map[string]string{
			"awssqs://sqs.eu-central-1.amazonaws.com/1/q": "queue/brokers/awsqueue",
			"awssns:///arn:aws:sns:eu-central-1:1:t":      "queue/brokers/awsqueue",
			"gcppubsub://projects/p/topics/topic":         "queue/brokers/gcpqueue",
			"azuresb://topic":                             "queue/brokers/azurequeue",
			"kafka://topic":                               "queue/brokers/kafkaqueue",
		}},
		{func(c *Config, url string) { c.Jobs = url }, map[string]string{
			"dynamodb://table":   "jobs/docjobs/drivers/dynamojobs",
			"firestore://x":      "jobs/docjobs/drivers/firestorejobs",
			"mongo://db/records": "jobs/docjobs/drivers/mongojobs",
		}},
	} {
		for url, want := range left.want {
			c := config(t)
			left.change(&c, url)
			_, err := Open(t.Context(), c)
			require.ErrorContains(t, err, "github.com/fhirdock/fhirdock/"+want, url)
			require.ErrorContains(t, err, "built with the tag no", url)
		}
	}
}
